"""Two clocks, from packets that two places saw: which end is at which place, and how they differ.

Whatever travels needs time. By the clocks of the two places packets of one end take the clock
difference and the delay, and those of the other the difference less the delay. Two packets of
different ends that are close together tell both, whatever the clocks did before; the first and
the last of such pairs tell how much faster one clock runs. It is assumed that both directions take
alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["initiator", "responder"]
ROLES: tuple[Role, Role] = "initiator", "responder"
SECOND = 1_000_000_000
CLOSE = 2 * SECOND
"""How close together two packets must be to be compared: a clock that is wrong by 100 parts in a
million is off by 0.2 ms after that.
"""
SPAN = 10 * SECOND
"""How long both directions must have been seen to tell how clocks drift."""
SOME = 9
"""Pairs of which the middle one is taken, at the beginning and at the end."""


@dataclass(slots=True)
class Clocks:
    """How two clocks differ."""

    near_role: Role = "initiator"
    """The end on whose side the near place is."""
    offset: int | None = None
    """Nanoseconds that the far clock is ahead at *began*; None where nothing tells."""
    delay: int | None = None
    """From place to place."""
    drift: float = 0.0
    """What the far clock gains in each nanosecond of the near one."""
    began: int = 0
    certain: bool = False
    """Whether packets of both ends were seen at both places."""

    def to_far(self, time: int) -> int:
        """Return a *time* of the near clock by the far one."""
        return time + (self.offset or 0) + int(self.drift * (time - self.began))

    def to_near(self, time: int) -> int:
        """Return a *time* of the far clock by the near one."""
        passed = time - self.began - (self.offset or 0)
        return self.began + int(passed / (1 + self.drift))


def compare(seen: Sequence[tuple[int, int, Role]]) -> Clocks:
    """Compare clocks by packets that both saw: near time, far time, and who sent it."""
    ordered = sorted(seen)
    apart = {role: [far - near for near, far, who in ordered if who == role] for role in ROLES}
    if not all(apart.values()):
        return _one_way(ordered)
    told = _neighbours(ordered) or [_middle(ordered)]
    drift = _drift(told)
    began = told[0][0]
    # what one clock gains between the two packets of a pair may be more than the delay
    even = [(near, far - int(drift * (near - began)), who) for near, far, who in ordered]
    told = _neighbours(even) or told
    way = median(way for _, _, way in told)
    return Clocks(
        near_role="initiator" if way >= 0 else "responder",
        offset=int(median(offset for _, offset, _ in told)),
        delay=int(abs(way)),
        drift=drift,
        began=began,
        certain=True,
    )


def _drift(told: Sequence["_Told"]) -> float:
    """Return what the far clock gains, by the first and the last pairs."""
    first, last = told[:SOME], told[-SOME:]
    span = _time(last) - _time(first)
    if span < SPAN:
        return 0.0
    start, end = (median(offset for _, offset, _ in part) for part in (first, last))
    return (end - start) / span


def _one_way(ordered: Sequence[tuple[int, int, Role]]) -> Clocks:
    """Only one end's packets: difference and delay cannot be told apart."""
    if not ordered:
        return Clocks()
    return Clocks(offset=min(far - near for near, far, _ in ordered), began=ordered[0][0])


_Told: TypeAlias = tuple[int, float, float]
"""When, by the near clock; how far ahead the far one is; and how much longer the initiator's
packets seem to take than that, which is the delay, with its sign."""


def _neighbours(ordered: Sequence[tuple[int, int, Role]]) -> list[_Told]:
    told: list[_Told] = []
    for (near, far, who), (later, there, other) in pairwise(ordered):
        if who != other and later - near <= CLOSE:
            told.append(_pair(near, far - near, there - later, who))
    return told


def _pair(time: int, one: float, two: float, first: Role) -> _Told:
    initiator, responder = (one, two) if first == "initiator" else (two, one)
    return time, (one + two) / 2, (initiator - responder) / 2


def _middle(ordered: Sequence[tuple[int, int, Role]]) -> _Told:
    """No two are close together: compare all of one end with all of the other."""
    one, two = (median(far - near for near, far, who in ordered if who == role) for role in ROLES)
    return _pair(ordered[0][0], one, two, "initiator")


def _time(told: Sequence[_Told]) -> int:
    return int(median(time for time, _, _ in told))
