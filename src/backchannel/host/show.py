"""The inventory as a person reads it. Names of files and users are escaped."""

from collections import Counter
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from backchannel.catalogue.index import Index
from backchannel.detect.model import SEVERITIES
from backchannel.host.document import Finding, Inventory, Program, Running
from backchannel.report.listing import Listing
from backchannel.report.words import count, listed, short
from backchannel.text import escape

_SURE = {"signature": "cyan", "expected": "yellow", "name": "dim"}
_GRAVE = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "", "info": "dim"}
SOCKETS = 4
"""Sockets of one kind that are shown; the JSON has all of them."""
PROCESSES = 6
HINTS = 8
_CONTENT = {
    "intact": "as the package brought it",
    "altered": "not what the package brought",
    "unknown": "no checksum to compare with",
}


def render(taken: Inventory, index: Index) -> RenderableType:
    """Return the whole answer, ready to print."""
    parts: list[RenderableType] = [_headline(taken), Text()]
    for each in taken.programs:
        if each.running or each.content == "altered":
            parts += [_program(each, index), Text()]
    if idle := [each for each in taken.programs if not each.running]:
        parts += [_idle(idle, index), Text()]
    if not taken.programs:
        parts += [Text("No program of a known service was found.", style="green"), Text()]
    if taken.hints:
        parts += [_hints(taken), Text()]
    if taken.findings:
        parts += [_findings(taken.findings), Text()]
    parts += [_unseen(taken), Text()]
    return Group(*parts, _end(taken))


def _headline(taken: Inventory) -> Text:
    text = Text(taken.tool, style="bold")
    what = count(taken.processes, "process", "processes") if taken.root == "/" else "files alone"
    text.append(f"  {escape(taken.root)}, {what}", style="")
    return text


def _program(each: Program, index: Index) -> Group:
    """Return a block: what and how sure, then its file, who runs it, and its sockets."""
    head = Text(", ".join(dict.fromkeys(one.program for one in each.services)), style="bold")
    head.append("  ")
    head.append(", ".join(index.title(one.service) for one in each.services), style="bold")
    head.append("  ")
    best = max((one.confidence for one in each.services), key=list(_SURE)[::-1].index)
    head.append(best, style=_SURE[best])
    head.append(
        "  running" if each.running else "  not running", style="" if each.running else "dim"
    )
    table = Table.grid(padding=(0, 2))
    table.add_column(width=2)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, text in _details(each):
        table.add_row("", label, text)
    return Group(head, table)


def _idle(programs: list[Program], index: Index) -> Listing:
    """Return a row for each program that is installed and does not run."""
    listing = Listing(
        "Installed, not running", ("program", "file", "service", "package", "starts with")
    )
    for each in programs:
        starts = [one.name for one in each.started_by if one.enabled]
        listing.add(
            ", ".join(dict.fromkeys(one.program for one in each.services)),
            escape(each.path),
            ", ".join(index.title(one.service) for one in each.services),
            escape(each.package or each.origin),
            escape(starts[0]) if starts else "",
        )
    return listing


def _details(each: Program) -> Iterator[tuple[str, Text]]:
    yield "file", Text(escape(each.path))
    package = f"{each.package} {each.version}".strip() or f"none: {each.origin}"
    style = "red" if each.content == "altered" else ""
    content = f"a copy of {escape(each.copy_of)}" if each.copy_of else _CONTENT[each.content]
    yield "package", Text(f"{escape(package)}, {content}", style=style)
    if each.sha256:
        yield "sha-256", Text(each.sha256)
    for one in each.running[:PROCESSES]:
        yield "process", Text(_process(one), style="yellow" if one.deleted else "")
    if (more := len(each.running) - PROCESSES) > 0:
        yield "", Text(f"and {count(more, 'process', 'processes')} more")
    for label, wanted in (("listens", True), ("talks to", False)):
        if told := _sockets(each.running, listening=wanted):
            yield label, Text(told)
    if each.started_by:
        told = ", ".join(
            f"{escape(one.name)} ({one.kind}{'' if one.enabled else ', not enabled'})"
            for one in each.started_by
        )
        yield "started by", Text(told)


def _process(one: Running) -> str:
    told = f"{one.pid}, {escape(one.user)}, since {short(one.since)}"
    if one.unit:
        told += f", {escape(one.unit)}"
    if one.container:
        told += f", in {escape(one.container)}"
    elif one.namespaces:
        told += f", {listed(one.namespaces)} of its own"
    return told + (", its file was replaced or removed" if one.deleted else "")


def _sockets(running: Iterable[Running], *, listening: bool) -> str:
    told = dict.fromkeys(
        f"{each.local if listening else each.remote}/{each.transport}"
        for one in running
        for each in one.sockets
        if (each.state in ("listening", "open")) == listening and (listening or each.remote)
    )
    names = list(told)
    more = len(names) - SOCKETS
    return ", ".join(names[:SOCKETS]) + (f" and {more} more" if more > 0 else "")


def _hints(taken: Inventory) -> Listing:
    title = "Only the name fits"
    more = f" ({HINTS} of {len(taken.hints)})" if len(taken.hints) > HINTS else ""
    listing = Listing(title + more, ("file", "like", "running"))
    for each in taken.hints[:HINTS]:
        like = ", ".join(dict.fromkeys(one.program for one in each.services))
        listing.add(escape(each.path), like, "yes" if each.running else "no")
    return listing


def _findings(found: tuple[Finding, ...]) -> Listing:
    counts = Counter(each.severity for each in found)
    told = ", ".join(f"{counts[name]} {name}" for name in reversed(SEVERITIES) if counts[name])
    listing = Listing(f"Findings: {told}", ("severity", "what", "says who"))
    for each in sorted(found, key=lambda each: -SEVERITIES.index(each.severity)):
        listing.add(
            Text(each.severity, style=_GRAVE[each.severity]),
            Text.assemble(f"{escape(each.path)} {escape(each.text)}\n", (each.id, "dim")),
            escape(each.where),
        )
    return listing


def _unseen(taken: Inventory) -> RenderableType:
    if not taken.unseen:
        return Text("Everything could be seen.", style="dim")
    listing = Listing("Could not be seen, or was passed over", ("what", "times"), right=("times",))
    for name, number in taken.unseen.items():
        listing.add(escape(name), f"{number:,}")
    return listing


def _end(taken: Inventory) -> Text:
    runs = sum(bool(each.running) for each in taken.programs)
    told = f"{count(len(taken.programs), 'program')}, {runs} running"
    if taken.findings:
        worst = max(taken.findings, key=lambda each: SEVERITIES.index(each.severity))
        told += f"; {count(len(taken.findings), 'finding')}, the worst {worst.severity}"
    return Text(told, style="bold")
