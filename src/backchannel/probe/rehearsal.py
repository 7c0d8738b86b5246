"""What a run would do, for people to read."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from backchannel.catalogue.index import Index
from backchannel.listed import listed
from backchannel.probe.pace import Limits
from backchannel.probe.planned import Hello, Planned, Port
from backchannel.report.words import count

HOSTS = 16
"""Hosts that are named one by one."""
BYTES = 40
"""Bytes of a hello that are shown."""


def render(plan: Planned, by: Iterable[str], limits: Limits, index: Index) -> RenderableType:
    """Return the whole plan, ready to print; *by*: who allowed it."""
    parts: list[RenderableType] = [Text("Nothing was sent. This is what would be.", style="bold")]
    parts += [Text(line) for line in _outline(plan, by, limits)]
    for group in plan.groups:
        named = ", ".join(group.hosts[:HOSTS])
        more = f" and {len(group.hosts) - HOSTS:,} more" if len(group.hosts) > HOSTS else ""
        parts += [Text(), Text(f"To {named}{more}", style="bold"), *_ports(group.ports, index)]
    parts += [Text(), Text("What is said (ids are random, here zero)", style="bold")]
    if any("tls" in port.hellos for group in plan.groups for port in group.ports):
        parts.append(
            Text.assemble(("  tls", "cyan"), "  a TLS client's hello; others follow inside")
        )
    parts += [line for hello in plan.hellos for line in _hello(hello)]
    return Group(*parts)


def _outline(plan: Planned, by: Iterable[str], limits: Limits) -> Iterator[str]:
    yield f"{count(plan.hosts, 'host')}" + (
        f", {plan.left_out:,} left out" if plan.left_out else ""
    )
    yield from (f"allowed: {line}" for line in by)
    yield (
        f"{count(plan.ports, 'port')} in all: a connection or a datagram each, at most "
        f"{limits.rate:g} a second, {limits.host_rate:g} to one host; "
        f"{plan.least_seconds} seconds at least"
    )
    yield (
        "A connection that stands is listened to first. Who greets is told no more. Each hello "
        "goes over a fresh connection; the first that is understood ends the list."
    )


def _ports(ports: Iterable[Port], index: Index) -> Iterator[Text]:
    """Yield which ports are told what, those together that are told the same."""
    grouped = defaultdict[tuple[str, tuple[str, ...]], list[Port]](list)
    for port in ports:
        grouped[port.transport, port.hellos].append(port)
    for (transport, names), alike in grouped.items():
        titles = dict.fromkeys(index.title(each) for port in alike for each in port.expected)
        yield Text.assemble(
            (f"  {_ranges(alike)}/{transport}", "cyan"),
            (f"  {listed(titles, 6)}" if titles else "", "dim"),
        )
        yield Text(f"    {', '.join(names)}")


def _ranges(ports: list[Port]) -> str:
    """Return numbers as `80, 412-420`."""
    told = list[list[int]]()
    for number in sorted(each.port for each in ports):
        if told and told[-1][-1] == number - 1:
            told[-1] = [told[-1][0], number]
        else:
            told.append([number])
    return ", ".join("-".join(map(str, each)) for each in told)


def _hello(hello: Hello) -> Iterator[Text]:
    """Yield the bytes of a hello, and where they are described."""
    data = bytes.fromhex(hello.data)
    shown = repr(data[:BYTES])[2:-1] + ("..." if len(data) > BYTES else "")
    about = [hello.source]
    if hello.after:
        about.append(f"only to what speaks {' or '.join(hello.after)}")
    if hello.about:
        about.append(hello.about)
    place = f"  {hello.name}/{hello.transport}"
    yield Text.assemble((place, "cyan"), f"  {count(len(data), 'byte')}: {shown}")
    yield Text(f"    {'; '.join(about)}", style="dim")
