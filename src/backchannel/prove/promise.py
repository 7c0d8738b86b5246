"""What a policy promises of each (service, capability), and between which addresses to try it.

The first line that fits decides, so a line is tried between addresses that no earlier line takes.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network

import msgspec

from backchannel.model import Capability
from backchannel.policy.model import Line, Networks, Party, Rules, Use
from backchannel.prove.lab import INSIDE, OUTSIDE, Net

_OTHER_INSIDE = (IPv4Network("172.29.0.0/16"), IPv4Network("192.168.0.0/16"))
_OTHER_OUTSIDE = (IPv4Network("45.0.0.0/8"), IPv4Network("151.0.0.0/8"))
"""Addresses for `any`, where earlier lines take the lab's usual ones."""

_MOST = 64
"""Networks of a group that are looked at; a proof needs addresses, not all of them."""


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a policy, for one thing that people do."""

    service: str
    capability: Capability
    action: str
    """`allow` or `deny`."""
    line: str
    """The line's name; `default` where no line speaks of it."""
    place: str
    ours: str
    theirs: str
    best_effort: bool = False
    renews: bool = False
    """Whether the policy has connections begin anew that the guard meets on their way."""
    direction: str = "both"
    inside: tuple[str, ...] = ()
    """Networks to try it from; empty: wherever."""
    outside: tuple[str, ...] = ()
    inside_interface: str = ""
    outside_interface: str = ""
    untried: str = ""
    """Why it cannot be tried; empty where it can."""


def promises(rules: Rules, library: Iterable[tuple[str, Capability]] = ()) -> Iterator[Promise]:
    """Yield what *rules* promise, and what their default does to the rest of *library*."""
    spoken = set()
    for place, line in enumerate(rules.lines):
        if line.action == "alert":
            continue
        for use in line.uses:
            spoken.add((use.service, use.capability))
            yield _promise(rules, place, line, use)
    if rules.default == "deny":
        for service, capability in library:
            if (service, capability) not in spoken:
                yield Promise(
                    service=service,
                    capability=capability,
                    action="deny",
                    line="default",
                    place=rules.path,
                    ours="any",
                    theirs="any",
                )


def _promise(rules: Rules, place: int, line: Line, use: Use) -> Promise:
    earlier = [
        each
        for each in rules.lines[:place]
        if each.action != "alert" and _speaks(each, use) and each.hours is None
    ]
    outside = _left(
        line.theirs,
        (*OUTSIDE, *_OTHER_OUTSIDE),
        [each.theirs for each in earlier if not each.theirs.everyone],
    )
    inside = _left(
        line.ours,
        (*INSIDE, *_OTHER_INSIDE),
        [each.ours for each in earlier if each.theirs.everyone],
    )
    if rules.never_block and line.action == "deny":
        inside = _without(inside, rules.never_block)
    untried = ""
    if line.hours is not None:
        untried = "it holds at certain hours only"
    elif not inside or not outside:
        untried = "earlier lines decide for all of its addresses"
    return Promise(
        service=use.service,
        capability=use.capability,
        action=line.action,
        line=line.name,
        place=line.place,
        ours=line.ours.label,
        theirs=line.theirs.label,
        best_effort=line.best_effort,
        renews=any(each.action == "deny" and each.existing == "reset" for each in rules.lines),
        direction=line.direction,
        inside=_named(inside, INSIDE),
        outside=_named(outside, OUTSIDE),
        inside_interface=next(iter(line.ours.interfaces), ""),
        outside_interface=next(iter(line.theirs.interfaces), ""),
        untried=untried,
    )


def _named(nets: list[Net], default: tuple[Net, Net]) -> tuple[str, ...]:
    """Return the networks as text; none where any address will do."""
    return () if tuple(nets) == default else tuple(map(str, nets))


def _speaks(line: Line, use: Use) -> bool:
    return any(
        (each.service, each.capability) == (use.service, use.capability) for each in line.uses
    )


def _left(party: Party, default: tuple[Net, ...], earlier: list[Party]) -> list[Net]:
    """Return networks of *party* that no earlier one has, one of each version at most."""
    if party.networks.any:
        nets: list[Net] = list(default)
    else:
        nets = [*party.networks.v4[:_MOST], *party.networks.v6[:_MOST]]
    for each in earlier:
        if each.networks.any and not each.interfaces:
            return []
        nets = _without(nets, each.networks)
    best = next if party.networks.any else _largest
    found = [[net for net in nets if net.version == version] for version in (4, 6)]
    return [best(iter(each)) for each in found if each]


def _largest(nets: Iterable[Net]) -> Net:
    return max(nets, key=lambda net: net.num_addresses)


def _without(nets: list[Net], gone: Networks) -> list[Net]:
    """Return *nets* without the addresses of *gone*."""
    left = list(nets)
    holes: list[Net] = [*gone.v4[: 16 * _MOST], *gone.v6[: 16 * _MOST]]
    for hole in holes:
        left = [part for net in left for part in _cut(net, hole)]
    return left


def _cut(net: Net, hole: Net) -> Iterable[Net]:
    if isinstance(net, IPv4Network) and isinstance(hole, IPv4Network) and net.overlaps(hole):
        return () if net.subnet_of(hole) else net.address_exclude(hole)
    if isinstance(net, IPv6Network) and isinstance(hole, IPv6Network) and net.overlaps(hole):
        return () if net.subnet_of(hole) else net.address_exclude(hole)
    return (net,)
