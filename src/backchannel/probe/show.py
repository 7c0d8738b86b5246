"""The result as a person reads it: a table a host, the findings, and what could not be told."""

from collections import Counter
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from backchannel.catalogue.index import Index
from backchannel.listed import listed
from backchannel.probe import document as doc
from backchannel.report.words import count

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
_STRENGTH = {"parsed": "green", "signature": "cyan"}
QUIET = "closed", "no answer", "unreachable", "not asked"
"""States of ports that are only counted."""
ALONE = 3
"""Hosts that are so few that each is told for itself, even one where nothing was found."""
NAMED = 8
"""Hosts of one kind that are named."""
FACTS = 4
"""Facts of one protocol that are shown; the JSON document has all."""


def render(probe: doc.Probe, index: Index) -> RenderableType:
    """Return the whole result, ready to print."""
    parts = list[RenderableType]()
    parts.append(_headline(probe))
    others = list[doc.Host]()
    for host in probe.hosts:
        if _telling(host, len(probe.hosts)):
            parts += [Text(), *_host(host, index)]
        else:
            others.append(host)
    parts += _others(others)
    parts += [Text(), *_findings(probe)]
    if probe.untold:
        parts += [Text(), Text("What could not be told", style="bold")]
        parts += [Text(f"  {line}") for line in probe.untold]
    return Group(*parts)


def _telling(host: doc.Host, among: int) -> bool:
    """Whether there is more to say of a host than that nothing was found, *among* so many."""
    found = any(port.state not in QUIET for port in host.ports)
    return found or (host.alive and (bool(host.remarks) or among <= ALONE))


def _others(others: list[doc.Host]) -> Iterator[RenderableType]:
    """Yield what is said of the other hosts, together."""
    for state, words in (
        ("alive", "answered, and nothing was found at the ports asked"),
        ("away", "away: there is no way there, it is forbidden, or nobody has the address"),
        ("silent", "answered nothing at all"),
    ):
        named = [host.address for host in others if _kind(host) == state]
        if named:
            few = f": {listed(named, NAMED)}" if len(named) <= NAMED else ""
            yield Text()
            yield Text(f"{count(len(named), 'host')} {words}{few}", style="dim")


def _kind(host: doc.Host) -> str:
    if host.alive:
        return "alive"
    return "away" if any(port.state == "unreachable" for port in host.ports) else "silent"


def _headline(probe: doc.Probe) -> Text:
    alive = sum(host.alive for host in probe.hosts)
    told = f"{count(len(probe.hosts), 'host')} asked, {alive} answered"
    totals = probe.totals
    work = [
        count(totals.get(name + "s", 0), name)
        for name in ("connection", "datagram")
        if totals.get(name + "s")
    ]
    line = Text.assemble((told, "bold"), f" · {', '.join(work)}" if work else "")
    if left := totals.get("hosts left out"):
        line.append(f" · {count(left, 'host')} left out")
    if probe.interrupted:
        line.append(" · interrupted: this is what was found until then", style="yellow")
    return line


def _host(host: doc.Host, index: Index) -> Iterator[RenderableType]:
    yield Text(f"{host.address}{f' ({host.name})' if host.name else ''}", style="bold")
    told = [port for port in host.ports if port.state not in QUIET]
    if told:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("  port", header_style="dim", no_wrap=True)
        table.add_column("service", header_style="dim", no_wrap=True)
        table.add_column("what it told", header_style="dim", overflow="fold")
        for port in told:
            for row in _rows(port, index):
                table.add_row(*row)
        yield table
    others = Counter(_silent(port) for port in host.ports if port.state in QUIET)
    if others:
        words = ", ".join(f"{number} {state}" for state, number in sorted(others.items()))
        yield Text(f"  {words}", style="dim")
    for remark in host.remarks:
        yield Text(f"  {remark}", style="yellow")
    if not host.complete:
        yield Text("  interrupted before its last port", style="yellow")


def _silent(port: doc.Port) -> str:
    if port.state == "no answer":
        kind = "open or filtered" if port.transport == "udp" else "filtered"
        return f"no answer ({kind}, {port.transport})"
    return f"{port.state} ({port.transport})"


def _rows(port: doc.Port, index: Index) -> Iterator[tuple[Text, Text, Text]]:
    place = Text(f"  {port.port}/{port.transport}")
    if not port.speaks:
        words = port.greeting or ", ".join(f"usual: {name}" for name in port.expected[:3])
        yield place, Text(port.state, style="yellow"), Text(words, style="dim")
        return
    for row in port.speaks:
        name = index.title(row.service) if row.service else row.protocol.upper()
        if row.service and row.protocol != row.service:
            name += f" ({row.protocol})"
        service = Text(name + (" in TLS" if row.tls else ""))
        style = _STRENGTH.get(row.confidence, "")
        about = Text.assemble((row.confidence, style), (f": {row.evidence}", "dim"))
        if row.software:
            about = Text.assemble((", ".join(row.software), "bold"), " · ", about)
        yield place, service, about
        for line in row.told[:FACTS]:
            yield Text(), Text(), Text(line)
        if more := len(row.told[FACTS:]):
            yield Text(), Text(), Text(f"and {more} more, which --json has", style="dim")
        place = Text()
    if port.remark:
        yield Text(), Text(), Text(port.remark, style="yellow")


def _findings(probe: doc.Probe) -> Iterable[RenderableType]:
    if not probe.findings:
        yield Text("No finding.", style="green")
        return
    yield Text(count(len(probe.findings), "finding"), style="bold")
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in probe.findings:
        table.add_row(Text(f"  {each.severity}", style=_STYLES[each.severity]), Text(each.summary))
    yield table
