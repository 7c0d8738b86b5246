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


Who = tuple[int, tuple[str, ...]]
"""A party as far as it matters here: its networks by identity (0: any), and its interfaces."""


class Parties:
    """Answers about the parties of one policy. Networks are told apart by identity."""

    def __init__(self) -> None:
        self._spans = dict[tuple[int, int], tuple[list[int], list[int]]]()
        self._met = dict[tuple[Who, Who], tuple[bool, bool]]()
        self._held = dict[tuple[Who, Who], bool]()
        self._kept = dict[int, Party]()

    def meet(self, one: Line, other: Line) -> bool:
        """Return whether any flow can belong to both lines, by who opens it and who is called."""
        for opener, called in one.openings():
            for opens, calls in other.openings():
                openers, callees = self._same(opener, opens), self._same(called, calls)
                if (openers[0] and callees[0]) or (openers[1] and callees[1]):
                    return True
        return False

    def holds(self, wide: Line, narrow: Line) -> bool:
        """Return whether every flow of *narrow*'s parties is one of *wide*'s parties."""
        mine = tuple(wide.openings())
        return all(
            any(self.inside(opener, opens) and self.inside(called, calls) for opens, calls in mine)
            for opener, called in narrow.openings()
        )

    def inside(self, narrow: Party, wide: Party) -> bool:
        """Return whether *wide* leaves out nobody of *narrow*."""
        if wide.everyone:
            return True
        key = (self._who(narrow), self._who(wide))
        if key not in self._held:
            fits = not wide.interfaces or (
                bool(narrow.interfaces) and set(narrow.interfaces) <= set(wide.interfaces)
            )
            self._held[key] = fits and (
                wide.networks.any
                or all(
                    _holds(self._of(wide, family), self._of(narrow, family)) for family in (4, 6)
                )
            )
        return self._held[key]

    def _who(self, party: Party) -> Who:
        if party.networks.any:
            return 0, party.interfaces
        self._kept.setdefault(id(party.networks), party)  # so that its identity stays its own
        return id(party.networks), party.interfaces

    def _of(self, party: Party, family: int) -> tuple[list[int], list[int]]:
        """Return firsts and lasts of the party's spans of one version, joined where they touch."""
        key = (self._who(party)[0], family)
        if key not in self._spans:
            lows, highs = list[int](), list[int]()
            for low, high in spans(party, family):
                if highs and low <= highs[-1] + 1:
                    highs[-1] = max(highs[-1], high)
                else:
                    lows.append(low)
                    highs.append(high)
            self._spans[key] = lows, highs
        return self._spans[key]

    def _same(self, one: Party, other: Party) -> tuple[bool, bool]:
        """Return whether the parties have an address of version 4, and one of 6, in common."""
        key = (self._who(one), self._who(other))
        if key not in self._met:
            named = one.interfaces and other.interfaces
            apart = bool(named) and not set(one.interfaces) & set(other.interfaces)
            four, six = (
                not apart and _meet(self._of(one, family), self._of(other, family))
                for family in (4, 6)
            )
            self._met[key] = four, six
        return self._met[key]


def _meet(one: tuple[list[int], list[int]], other: tuple[list[int], list[int]]) -> bool:
    if len(one[0]) > len(other[0]):
        one, other = other, one
    lows, highs = other
    for low, high in zip(*one, strict=True):
        place = bisect_right(lows, high)
        if place and highs[place - 1] >= low:
            return True
    return False


def _holds(wide: tuple[list[int], list[int]], narrow: tuple[list[int], list[int]]) -> bool:
    """Return whether every span of *narrow* is inside one of *wide*."""
    lows, highs = wide
    for low, high in zip(*narrow, strict=True):
        place = bisect_right(lows, low)
        if not place or highs[place - 1] < high:
            return False
    return True
