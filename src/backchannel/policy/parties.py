"""Whether parties meet, and whether one holds all of another; asked often, so remembered."""

from bisect import bisect_right
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from backchannel.policy.model import Line, Party
from backchannel.policy.spans import Spans, merged

ALL: dict[int, Spans] = {4: ((0, 2**32 - 1),), 6: ((0, 2**128 - 1),)}
"""All addresses by IP version."""
Pair = tuple[Party, Party]
"""Who opens a flow, and who is called."""


def spans(party: Party, family: int) -> Spans:
    """Return the party's addresses of one version."""
    if party.networks.any:
        return ALL[family]
    networks: Sequence[IPv4Network | IPv6Network]
    networks = party.networks.v4 if family == 4 else party.networks.v6
    return merged((int(net.network_address), int(net.broadcast_address)) for net in networks)


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
        self._spans = dict[tuple[int, int], Spans]()
        self._met = dict[tuple[Who, Who], tuple[bool, bool]]()
        self._held = dict[tuple[Who, Who], bool]()
        self._kept = dict[int, Party]()

    def meet(self, one: Line, other: Line) -> bool:
        """Return whether any flow can belong to both lines, by who opens it and who is called."""
        return any(self.pairs_meet(a, b) for a in one.openings() for b in other.openings())

    def pairs_meet(self, one: Pair, other: Pair) -> bool:
        """Return whether any flow can be between both pairs."""
        openers, callees = self._same(one[0], other[0]), self._same(one[1], other[1])
        return (openers[0] and callees[0]) or (openers[1] and callees[1])

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

    def _of(self, party: Party, family: int) -> Spans:
        key = (self._who(party)[0], family)
        if key not in self._spans:
            self._spans[key] = spans(party, family)
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


def _meet(one: Spans, other: Spans) -> bool:
    few, many = sorted((one, other), key=len)
    for low, high in few:
        place = bisect_right(many, high, key=_first)
        if place and many[place - 1][1] >= low:
            return True
    return False


def _holds(wide: Spans, narrow: Spans) -> bool:
    """Return whether every span of *narrow* is inside one of *wide*."""
    for low, high in narrow:
        place = bisect_right(wide, low, key=_first)
        if not place or wide[place - 1][1] < high:
            return False
    return True


def _first(span: tuple[int, int]) -> int:
    return span[0]
