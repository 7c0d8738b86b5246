"""Which connection two gateways are, and which connections nobody is."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from backchannel.diagnose.configured.connections import Connection, turned

EXACT, ANYBODY, NAMED, FOREIGN = 4, 2, 1, 0
"""How well an address fits: it is the one; any does; a name stands there, which is not looked up;
not at all.
"""


KNOWN = 16_384
"""Addresses whose numbers are remembered: each is compared with every other."""


class Fit(NamedTuple):
    """A connection of one of two gateways."""

    connection: Connection
    here: str
    """The end whose connection it is."""
    score: int
    turned: bool = False
    """Whether its local side stands for the other end: both may have the very same ipsec.conf."""

    @property
    def seen(self) -> Connection:
        """The connection with the sides as that end has them."""
        return turned(self.connection) if self.turned else self.connection


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
    found = _turned(found, ends)
    found.sort(key=lambda fit: -fit.score)
    taken = {fit.here for fit in found if fit.score > ANYBODY + NAMED}
    found = [fit for fit in found if fit.score > ANYBODY + NAMED or fit.here not in taken]
    free = [here for pair in ends for here in reversed(pair) if here not in taken]
    if free:
        anybody = [each for each in connections if not (each.local or each.remote)]
        found += [Fit(each, free[0], ANYBODY) for each in anybody]
    return found


def _turned(found: Sequence[Fit], ends: Sequence[tuple[str, str]]) -> list[Fit]:
    """Give a connection of ipsec.conf to the other end where another file has one for this end, and
    none is of the other: left and right are told apart by the addresses that a machine has, so the
    same file may serve both.
    """
    others = {one: other for pair in ends for one, other in (pair, pair[::-1])}
    taken = {fit.here for fit in found}
    files: dict[str, str] = {}
    told: list[Fit] = []
    for fit in found:
        other = others[fit.here]
        same = fit.connection.form == "ipsec.conf" and fit.score == 2 * EXACT
        again = same and files.setdefault(fit.here, fit.connection.file) != fit.connection.file
        told.append(fit._replace(here=other, turned=True) if again and other not in taken else fit)
    return told


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
    span, seen = _span(said), _number(address)
    if span is None or seen is None:
        return NAMED
    return EXACT if span[0] == seen[0] and span[1] <= seen[1] <= span[2] else FOREIGN


@lru_cache(maxsize=KNOWN)
def _span(said: str) -> tuple[int, int, int] | None:
    """Return version, first and last of an address, prefix or range; None for a name."""
    first, dash, last = said.partition("-")
    try:
        if dash:
            low, high = ip_address(first), ip_address(last)
            return low.version, int(low), int(high)
        network = ip_network(said, strict=False)
    except ValueError:
        return None
    return network.version, int(network.network_address), int(network.broadcast_address)


@lru_cache(maxsize=KNOWN)
def _number(address: str) -> tuple[int, int] | None:
    try:
        seen = ip_address(address)
    except ValueError:
        return None
    return seen.version, int(seen)
