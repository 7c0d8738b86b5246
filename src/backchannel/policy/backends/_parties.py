"""Whether parties meet, and whether one holds all of another; asked often, so remembered.

Networks of a party are sorted and none is inside another, so both questions are one walk.
"""

from bisect import bisect_right
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from backchannel.policy.model import Line, Party

Span = tuple[int, int]
EVERYTHING: dict[int, list[Span]] = {4: [(0, 2**32 - 1)], 6: [(0, 2**128 - 1)]}


def spans(party: Party, family: int) -> list[Span]:
    """Return the party's addresses of one version as (first, last), sorted."""
    if party.networks.any:
        return EVERYTHING[family]
    networks: Sequence[IPv4Network | IPv6Network]
    networks = party.networks.v4 if family == 4 else party.networks.v6
    return [(int(net.network_address), int(net.broadcast_address)) for net in networks]


def versions(*parties: Party) -> tuple[int, ...]:
    """Return the IP versions in which all *parties* have addresses: 4, 6, both or none."""
    four = all(party.networks.any or party.networks.v4 for party in parties)
    six = all(party.networks.any or party.networks.v6 for party in parties)
    return (4,) * four + (6,) * six


class Parties:
    """Answers about the parties of one policy. Parties are told apart by identity."""

    def __init__(self) -> None:
        self._spans = dict[tuple[int, int], list[Span]]()
        self._met = dict[tuple[int, int, int], bool]()
        self._held = dict[tuple[int, int], bool]()
        self._kept = dict[int, Party]()

    def meet(self, one: Line, other: Line) -> bool:
        """Return whether any flow can belong to both lines, by who opens it and who is called."""
        return any(
            self._same(opener, opens, family) and self._same(called, calls, family)
            for opener, called in one.openings()
            for opens, calls in other.openings()
            for family in (4, 6)
        )

    def holds(self, wide: Line, narrow: Line) -> bool:
        """Return whether every flow of *narrow*'s parties is one of *wide*'s parties."""
        return all(
            any(self._all(opens, opener) and self._all(calls, called) for opens, calls in mine)
            for mine in [tuple(wide.openings())]
            for opener, called in narrow.openings()
        )

    def inside(self, narrow: Party, wide: Party) -> bool:
        """Return whether *wide* leaves out nobody of *narrow*."""
        return self._all(wide, narrow)

    def _of(self, party: Party, family: int) -> list[Span]:
        key = (id(party), family)
        if key not in self._spans:
            self._kept[id(party)] = party  # so that its identity stays its own
            self._spans[key] = spans(party, family)
        return self._spans[key]

    def _same(self, one: Party, other: Party, family: int) -> bool:
        key = (id(one), id(other), family)
        if key not in self._met:
            named = one.interfaces and other.interfaces
            apart = named and not set(one.interfaces) & set(other.interfaces)
            self._met[key] = not apart and _meet(self._of(one, family), self._of(other, family))
        return self._met[key]

    def _all(self, wide: Party, narrow: Party) -> bool:
        key = (id(wide), id(narrow))
        if key not in self._held:
            fits = not wide.interfaces or (
                bool(narrow.interfaces) and set(narrow.interfaces) <= set(wide.interfaces)
            )
            self._held[key] = fits and all(
                _holds(self._of(wide, family), self._of(narrow, family)) for family in (4, 6)
            )
        return self._held[key]


def _meet(one: list[Span], other: list[Span]) -> bool:
    if len(one) > len(other):
        one, other = other, one
    starts = [low for low, _ in other]
    for low, high in one:
        place = bisect_right(starts, high)
        if place and other[place - 1][1] >= low:
            return True
    return False


def _holds(wide: list[Span], narrow: list[Span]) -> bool:
    """Return whether every span of *narrow* is inside *wide*, joined where its spans touch."""
    joined = list[Span]()
    for low, high in wide:
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    starts = [low for low, _ in joined]
    for low, high in narrow:
        place = bisect_right(starts, low)
        if not place or joined[place - 1][1] < high:
            return False
    return True
