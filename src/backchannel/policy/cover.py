"""Who and what rules have in common: whether one covers another, or only meets it."""

from bisect import bisect_right
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from backchannel.policy.model import Line, Networks, Party, Ports, Use

Block = IPv4Network | IPv6Network


def holds(outer: Networks, inner: Networks) -> bool:
    """Say whether every address of *inner* is in *outer*."""
    if outer.any or inner.any or outer is inner:
        return outer.any or outer is inner
    return all(_inside(outer.v4, net) for net in inner.v4) and all(
        _inside(outer.v6, net) for net in inner.v6
    )


def meet(one: Networks, other: Networks) -> bool:
    """Say whether any address is in both."""
    if one.any or other.any:
        return bool(one and other)
    return _meet(one.v4, other.v4) or _meet(one.v6, other.v6)


def party_holds(outer: Party, inner: Party) -> bool:
    """Say whether *outer* means everybody whom *inner* means."""
    there = not outer.interfaces or (
        bool(inner.interfaces) and set(inner.interfaces) <= set(outer.interfaces)
    )
    return there and holds(outer.networks, inner.networks)


def parties_meet(one: Party, other: Party) -> bool:
    """Say whether somebody may be meant by both."""
    apart = one.interfaces and other.interfaces and not {*one.interfaces} & {*other.interfaces}
    return not apart and meet(one.networks, other.networks)


def line_holds(outer: Line, inner: Line) -> bool:
    """Say whether *outer* means every flow between the parties of *inner*, at any time."""
    return outer.hours in (None, inner.hours) and all(
        any(
            party_holds(client, opener) and party_holds(server, called)
            for client, server in outer.openings()
        )
        for opener, called in inner.openings()
    )


def lines_meet(one: Line, other: Line) -> bool:
    """Say whether some flow may be meant by both."""
    return any(
        parties_meet(client, opener) and parties_meet(server, called)
        for client, server in one.openings()
        for opener, called in other.openings()
    )


def ports_meet(one: Sequence[Ports], other: Sequence[Ports]) -> tuple[Ports, ...]:
    """Return the ports of *one* that are among *other*'s."""
    return tuple(
        ports
        for ports in one
        if any(
            ports.carrier == each.carrier and ports.low <= each.high and each.low <= ports.high
            for each in other
        )
    )


def same_use(one: Use, other: Use) -> bool:
    """Say whether both are the same thing done with the same service."""
    return (one.service, one.capability) == (other.service, other.capability)


def _inside(nets: Sequence[Block], net: Block) -> bool:
    """Say whether *net* is in one of *nets*, which are sorted and apart."""
    place = bisect_right(nets, _first(net), key=_first) - 1
    return place >= 0 and _last(nets[place]) >= _last(net)


def _meet(one: Sequence[Block], other: Sequence[Block]) -> bool:
    few, many = sorted((one, other), key=len)
    for net in few:
        place = bisect_right(many, _last(net), key=_first) - 1
        if place >= 0 and _last(many[place]) >= _first(net):
            return True
    return False


def _first(net: Block) -> int:
    return int(net.network_address)


def _last(net: Block) -> int:
    return int(net.broadcast_address)
