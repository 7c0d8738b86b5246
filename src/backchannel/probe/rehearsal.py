"""What a run would send, to whom and in what order, without sending it."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TypeAlias

from rich.console import Group, RenderableType
from rich.text import Text

from backchannel.catalogue.index import Index
from backchannel.listed import listed
from backchannel.model import Endpoint
from backchannel.probe.hello import Asked
from backchannel.probe.order import HELLOS
from backchannel.probe.pace import Limits
from backchannel.probe.plan import Work, least_seconds, said_to, sample
from backchannel.probe.port import Wishes
from backchannel.probe.ports import Expected, Plan, Port
from backchannel.report.words import count

HOSTS = 16
"""Hosts that are named one by one."""
_Key: TypeAlias = tuple[tuple[Port, Expected], ...]
BYTES = 40
"""Bytes of a hello that are shown."""


def render(work: Work, wishes: Wishes, limits: Limits, index: Index) -> RenderableType:
    """Return the whole plan, ready to print."""
    parts: list[RenderableType] = [Text("Nothing was sent. This is what would be.", style="bold")]
    parts += [Text(line) for line in _outline(work, limits)]
    plans = defaultdict[_Key, list[str]](list)
    shared = dict[_Key, Plan]()
    for target, plan in work.hosts:
        key = tuple(plan.items())
        plans[key].append(target.address)
        shared[key] = plan
    said = set[str]()
    for key, addresses in plans.items():
        named = ", ".join(addresses[:HOSTS])
        more = f" and {len(addresses) - HOSTS:,} more" if len(addresses) > HOSTS else ""
        parts += [Text(), Text(f"To {named}{more}", style="bold")]
        parts += _ports(shared[key], wishes, index, said)
    parts += [Text(), Text("What is said (ids are random, here zero)", style="bold")]
    parts += _said(said, wishes)
    return Group(*parts)


def _outline(work: Work, limits: Limits) -> Iterator[str]:
    left = work.chosen.left_out
    yield f"{count(len(work.hosts), 'host')}" + (f", {left:,} left out" if left else "")
    yield from (f"allowed: {line}" for line in work.chosen.by)
    yield (
        f"{count(work.questions, 'port')} in all: a connection or a datagram each, at most "
        f"{limits.rate:g} a second, {limits.host_rate:g} to one host; "
        f"{least_seconds(work, limits):.0f} seconds at least"
    )
    yield (
        "A connection that stands is listened to first. Who greets is told no more. Each hello "
        "goes over a fresh connection; the first that is understood ends the list."
    )


def _ports(plan: Plan, wishes: Wishes, index: Index, said: set[str]) -> Iterator[Text]:
    """Yield which ports are told what, those together that are told the same."""
    grouped = defaultdict[tuple[str, tuple[str, ...]], list[Port]](list)
    for port, about in plan.items():
        names = tuple(said_to(port, about.protocols, wishes))
        said.update(names)
        grouped[port.transport, names].append(port)
    for (transport, names), ports in grouped.items():
        titles = dict.fromkeys(index.title(each) for port in ports for each in plan[port].services)
        yield Text.assemble(
            (f"  {_ranges(ports)}/{transport}", "cyan"),
            (f"  {listed(titles, 6)}" if titles else "", "dim"),
        )
        yield Text(f"    {', '.join(names)}")


def _ranges(ports: list[Port]) -> str:
    """Return numbers as `80, 412-420`."""
    told = list[list[int]]()
    for number in sorted(each.number for each in ports):
        if told and told[-1][-1] == number - 1:
            told[-1] = [told[-1][0], number]
        else:
            told.append([number])
    return ", ".join("-".join(map(str, each)) for each in told)


def _said(names: set[str], wishes: Wishes) -> Iterator[Text]:
    """Yield each hello's bytes, and where they are described."""
    asked = Asked(
        Endpoint("192.0.2.1", 1), Endpoint("192.0.2.2", 40000), "", wishes.through, wishes.torrent
    )
    if "tls" in names:
        yield Text.assemble(("  tls", "cyan"), "  a TLS client's hello; others follow inside")
    for hello in HELLOS:
        later = bool(hello.after) and (not hello.needs or hello.needs in wishes.given)
        if hello.name not in names and not later:
            continue
        data = sample(hello, asked)
        shown = repr(data[:BYTES])[2:-1] + ("..." if len(data) > BYTES else "")
        about = [hello.source]
        if hello.after:
            about.append(f"only to what speaks {' or '.join(hello.after)}")
        if hello.about:
            about.append(hello.about)
        place = f"  {hello.name}/{hello.transport}"
        yield Text.assemble((place, "cyan"), f"  {count(len(data), 'byte')}: {shown}")
        yield Text(f"    {'; '.join(about)}", style="dim")
