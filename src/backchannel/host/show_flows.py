"""Flows and their owners as a person reads them."""

from collections import Counter

from rich.console import Group, RenderableType
from rich.text import Text

from backchannel.catalogue.index import Index
from backchannel.host.join import Joined, Owned, Owner
from backchannel.host.ledger import Program
from backchannel.report.listing import Listing
from backchannel.report.words import count, listed, short
from backchannel.text import escape

LIST = 40
"""Flows that are shown; the JSON has all of them."""


def render(joined: Joined, index: Index) -> RenderableType:
    """Return the whole answer, ready to print."""
    shown = joined.flows[:LIST]
    more = f" ({LIST} of {len(joined.flows):,})" if len(joined.flows) > LIST else ""
    listing = Listing(f"Flows{more}", ("service", "flow", "since", "client is", "server is"))
    for each in shown:
        listing.add(
            index.title(each.service) if each.service else "unknown",
            f"{each.client} to {each.server} {each.transport}",
            short(each.first_seen),
            _owner(each.client_owner),
            _owner(each.server_owner),
        )
    parts: list[RenderableType] = [listing] if shown else [Text("No flow of a known service.")]
    if joined.passed_over:
        parts.append(
            Text(f"{count(joined.passed_over, 'flow')} of no known service: --all", style="dim")
        )
    for name, number in joined.unseen.items():
        parts.append(Text(f"could not be seen: {escape(name)}, {number:,}", style="dim"))
    return Group(*parts, Text(), _end(joined.flows))


def _owner(owner: Owner) -> Text:
    if owner.how == "elsewhere":
        return Text("elsewhere", style="dim")
    if owner.how == "unknown":
        return Text(f"unknown: {escape(owner.why)}", style="yellow")
    told = dict.fromkeys(map(_program, owner.programs))
    pids = ", ".join(str(one.pid) for one in owner.programs)
    pids += f" and {owner.more:,} more" if owner.more else ""
    return Text(f"{'; '.join(told)}, process {pids} ({owner.how})")


def _program(one: Program) -> str:
    """Return what a process ran, and for whom; what of it is only its own word is said."""
    package = f"not what {one.package} brought" if one.content == "altered" else one.package
    apart = f"{listed(one.apart)} of its own" if one.apart else ""
    where = f"in {one.container}" if one.container else apart
    return ", ".join(escape(each) for each in (one.path, package, one.user, where) if each)


def _end(flows: tuple[Owned, ...]) -> Text:
    counts = Counter(
        "owned"
        if {one.how for one in (each.client_owner, each.server_owner)} - {"unknown", "elsewhere"}
        else "unknown"
        for each in flows
    )
    told = f"{count(len(flows), 'flow')}, {counts['owned']:,} with a program of this host"
    return Text(told, style="bold")
