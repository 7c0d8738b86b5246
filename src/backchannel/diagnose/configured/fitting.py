"""Which connection two gateways are, and which connections nobody is."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from backchannel.diagnose.configured.connections import Connection

EXACT, ANYBODY, NAMED, FOREIGN = 4, 2, 1, 0
"""How well an address fits: it is the one; any does; a name stands there, which is not looked up;
not at all.
"""


class Fit(NamedTuple):
    """A connection of one of two gateways."""

    connection: Connection
    here: str
    """The end whose connection it is."""
    score: int


def fits(connections: Sequence[Connection], ends: Sequence[tuple[str, str]]) -> list[Fit]:
    """Return the connections that two gateways may be, the best first. *ends* are initiator and
    responder, by their addresses at one place and at another.

    A connection for anybody, as gateways for travellers have, is one of the responder, or of
    whichever end no other connection is of.
    """
    found = list[Fit]()
    for connection in connections:
        if connection.local or connection.remote:
            found += _best(connection, ends)
    found.sort(key=lambda fit: -fit.score)
    taken = {fit.here for fit in found if fit.score > ANYBODY + NAMED}
    found = [fit for fit in found if fit.score > ANYBODY + NAMED or fit.here not in taken]
    free = [here for pair in ends for here in reversed(pair) if here not in taken]
    if free:
        anybody = [each for each in connections if not (each.local or each.remote)]
        found += [Fit(each, free[0], ANYBODY) for each in anybody]
    return found


def _best(connection: Connection, ends: Sequence[tuple[str, str]]) -> list[Fit]:
    """Return the way round in which a connection fits best, if any."""
    best = list[Fit]()
    for one, other in ends:
        for here, there in ((one, other), (other, one)):
            local, remote = _fit(connection.local, here), _fit(connection.remote, there)
            if local and remote:
                best.append(Fit(connection, here, local + remote))
    return sorted(best, key=lambda fit: -fit.score)[:1]


def _fit(said: Sequence[str], address: str) -> int:
    if not said:
        return ANYBODY
    return max(_one_fit(each, address) for each in said)


def _one_fit(said: str, address: str) -> int:
    try:
        seen = ip_address(address)
        if "-" in said:
            first, _, last = said.partition("-")
            low, high = ip_address(first), ip_address(last)
            same = low.version == seen.version
            return EXACT if same and int(low) <= int(seen) <= int(high) else FOREIGN
        network = ip_network(said, strict=False)
    except ValueError:
        return NAMED
    return EXACT if seen in network else FOREIGN
