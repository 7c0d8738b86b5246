"""The same packets at two places: which is which, how the clocks differ, what was lost where.

A packet is known again by what no translation changes: IKE's SPIs, exchange, number and fragment;
ESP's SPI and sequence number. `clocks` tells which end is at which place.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from backchannel.diagnose.asking import SECOND
from backchannel.diagnose.cases import Case
from backchannel.diagnose.clocks import Clocks, Role, compare
from backchannel.diagnose.document import Which
from backchannel.diagnose.facts import source, target
from backchannel.diagnose.missed import OTHER_PLACE, OTHER_ROLE, PLACES, arrived
from backchannel.model import Endpoint
from backchannel.protocols.ike.events import IkeMessage

Key: TypeAlias = tuple[str | int | bool | None, ...]
MARGIN = 60 * SECOND
"""How long behind the last packet of the other capture something may be missed there: one that was
filtered has none besides those that arrived.
"""
TOLERANCE = SECOND // 5
"""How far two sightings of one packet may be apart once clocks are known: retransmissions come
half a second apart or more."""


@dataclass(slots=True)
class Sighting:
    """One packet at one place."""

    time: int
    frame: int
    role: Role
    """Who sent it."""
    what: str
    source: Endpoint
    target: Endpoint
    spi: str
    octets: int = 0
    """Of ESP, from its SPI on."""


@dataclass(slots=True)
class Met:
    """One packet at both."""

    near: Sighting
    far: Sighting


@dataclass(slots=True)
class Sides:
    """Two gateways at two places."""

    near: Case
    far: list[Case]
    """What they are at the far side: several where an address changed on the way."""
    met: list[Met] = field(default_factory=list)
    only: dict[Which, list[Sighting]] = field(default_factory=lambda: {"near": [], "far": []})
    clocks: Clocks = field(default_factory=Clocks)
    far_roles: dict[str, Role] = field(default_factory=dict)
    """Which end has which address at the far side."""
    spans: dict[Which, tuple[int, int]] = field(default_factory=dict)
    """When each capture begins and ends, by its own clock."""
    full: dict[Which, int] = field(default_factory=dict)
    """From when on ESP was only counted there; 0 for never."""
    forgotten: dict[Which, int] = field(default_factory=dict)
    """Until when later exchanges of IKE are not kept there; 0 for all are."""
    deaf: dict[Which, frozenset[Role]] = field(default_factory=dict)
    """Ends of which a capture has nothing, although they were heard and answered."""
    missed: dict[Which, list[Sighting]] = field(default_factory=dict)
    """What came from a place to the other one, and is not in the capture of its own."""
    shared: frozenset[str] = frozenset()
    """SPIs of this case that others of the near place have too: a NAT mixed them up."""
    over: dict[Which, int] = field(default_factory=dict)
    """When a capture had surely ended, by its own clock; a place where nothing tells is not here.
    """

    def covered(self, time: int, place: Which, margin: int = 0) -> bool:
        """Say whether the other capture went on at a *time* by the clock of a *place*."""
        other = OTHER_PLACE[place]
        if other not in self.spans or self.clocks.offset is None:
            return margin > 0
        first, last = self.spans[other]
        time = self.elsewhere(time, place)
        return first <= time <= last + margin and time < self.over.get(other, time + 1)

    def incomplete(self, place: Which) -> float:
        """Return which part of the packets the capture of a *place* missed: by those that were sent
        from there and came to the other one.
        """
        missed = len(self.missed.get(place, ()))
        seen = sum(self.place(each.near.role) == place for each in self.met)
        return missed / max(1, missed + seen)

    def hears(self, place: Which, role: Role) -> bool:
        """Say whether anything of an end is in the capture of a *place*."""
        alone = self.only[place]
        return any(each.near.role == role for each in self.met) or any(
            each.role == role for each in alone
        )

    def counted(self, seen: Sighting, place: Which) -> bool:
        """Say whether the other side kept nothing of the kind when it was *seen* at a *place*: ESP
        that is only counted, exchanges of a long tunnel.
        """
        other = OTHER_PLACE[place]
        time = self.elsewhere(seen.time, place)
        if seen.what.startswith("ESP"):
            full = self.full.get(other, 0)
            return full > 0 and time >= full - TOLERANCE
        return time <= self.forgotten.get(other, 0) + TOLERANCE

    def elsewhere(self, time: int, place: Which) -> int:
        """Return a *time* of a *place* by the clock of the other one."""
        return self.clocks.to_far(time) if place == "near" else self.clocks.to_near(time)

    def role(self, case: Case, address: str) -> Role:
        """Return which end an *address* is that was seen in a *case* of either side."""
        if case is self.near:
            return role_of(case, address)
        return self.far_roles.get(address) or role_of(case, address)

    def place(self, role: Role) -> Which:
        """Return the side on which an end is."""
        return "near" if role == self.clocks.near_role else "far"


def spis(case: Case) -> frozenset[str]:
    """Return the SPIs of IKE and ESP by which a case is known at any place."""
    return frozenset([*case.attempts, *(stream.spi for stream in case.streams)])


def meet(near: Case, far: Sequence[Case], known: Mapping[str, int]) -> Sides:
    """Match the packets of both places. *known* are the SPIs of all cases of the near side, and of
    how many cases each is.
    """
    shared = frozenset(spi for spi in spis(near) if known[spi] > 1)
    made = Sides(near, list(far), shared=shared)
    for case in far:
        made.far_roles |= _roles(near, case)
    here, there = _sightings(made, [near]), _sightings(made, far)
    where: dict[Which, list[Case]] = {"near": [near], "far": made.far}
    for place, cases in where.items():
        for case in cases:
            made.spans[place], made.full[place] = (case.begin, case.end), case.full
            made.forgotten[place] = max(made.forgotten.get(place, 0), case.forgotten)
    if any(case.partial for case in (near, *far)):  # what one side let go is not lost
        both = {*map(_spi, here)} & {*map(_spi, there)}
        here = {key: seen for key, seen in here.items() if _spi(key) in both}
        there = {key: seen for key, seen in there.items() if _spi(key) in both}
    made.clocks = compare(_pairs(here, there))
    heard = {"near": _roles_in(here), "far": _roles_in(there)}
    for place in PLACES:
        missing = heard[OTHER_PLACE[place]] - heard[place]
        made.deaf[place] = missing & _arrived(made, place) if missing else frozenset()
    if not made.clocks.certain:
        made.clocks.near_role = _near_role(made, here, there)
    for key in here.keys() | there.keys():
        _match(made, here.get(key, []), there.get(key, []))
    made.met.sort(key=lambda each: (each.near.time, each.near.frame))
    _miss(made)
    for place in PLACES:
        made.only[place] = _lost(made, place)
    return made


def _lost(sides: Sides, place: Which) -> list[Sighting]:
    """Return what was seen at a *place* alone and could have been seen at the other one."""
    silent = sides.deaf[OTHER_PLACE[place]]
    lost = [
        each
        for each in sides.only[place]
        if each.role not in silent
        and sides.covered(each.time, place, MARGIN)
        and not sides.counted(each, place)
    ]
    return sorted(lost, key=lambda each: (each.time, each.frame))


def _roles_in(seen: dict[Key, list[Sighting]]) -> frozenset[Role]:
    return frozenset(each.role for sightings in seen.values() for each in sightings)


def _arrived(sides: Sides, place: Which) -> frozenset[Role]:
    """Return the ends whose messages of IKE arrived while a *place* was captured."""
    found: set[Role] = set()
    for case in (sides.near, *sides.far):
        mine: Which = "near" if case is sides.near else "far"
        for spi, asked in case.asked.items():
            if spi not in sides.near.attempts:
                continue
            found |= arrived(
                [
                    (sides.role(case, each.source.address), each)
                    for each in asked
                    if mine == place or sides.covered(each.first.time, mine)
                ]
            )
    return frozenset(found)


def _miss(sides: Sides) -> None:
    """Find what each capture missed of its own place, and when it had ended."""
    if not sides.clocks.certain:  # which is whose place is only guessed
        return
    for place in PLACES:
        other = OTHER_PLACE[place]
        first, last = sides.spans.get(place, (0, 0))
        sides.missed[place] = []
        for seen in sides.only[other]:
            time = sides.elsewhere(seen.time, other)
            own = sides.place(seen.role) == place and seen.role not in sides.deaf[place]
            if not own or seen.spi in sides.shared or time < first or sides.counted(seen, other):
                continue
            if time > last:
                sides.over[place] = min(time, sides.over.get(place, time))
            else:
                sides.missed[place].append(seen)


def _near_role(
    sides: Sides, here: dict[Key, list[Sighting]], there: dict[Key, list[Sighting]]
) -> Role:
    """Return which end is at the near place where clocks do not tell: packets that were seen at one
    place alone were lost on the way, and it is the place of who sent them.
    """
    speaks = 0
    for place, mine, others, sign in zip(
        PLACES, (here, there), (there, here), (1, -1), strict=True
    ):
        for key, seen in mine.items():
            for each in seen if key not in others else ():
                if each.role in sides.deaf[OTHER_PLACE[place]]:
                    continue
                if sides.covered(each.time, place):
                    speaks += sign if each.role == "initiator" else -sign
    return "initiator" if speaks >= 0 else "responder"


def _spi(key: Key) -> str:
    """Return whose packet it is: the SPI of IKE, or of ESP."""
    return str(key[1] if key[0] == "esp" else key[0])


def _sightings(sides: Sides, cases: Sequence[Case]) -> dict[Key, list[Sighting]]:
    found: dict[Key, list[Sighting]] = defaultdict(list)
    for case in cases:
        for spi, attempt in case.attempts.items():
            for seen in attempt.messages:
                event = seen.event
                assert isinstance(event, IkeMessage)
                if event.framing == "reassembled":
                    continue
                key: Key = (
                    spi,
                    event.exchange,
                    event.message_id,
                    event.response,
                    event.fragment,
                    event.sender,
                    event.size,
                )
                role = sides.role(case, source(seen).address)
                what = f"{event.exchange} to UDP {target(seen).port}"
                if event.response:
                    what = f"{event.exchange} answers from UDP {source(seen).port}"
                found[key].append(
                    Sighting(seen.time, seen.frame, role, what, source(seen), target(seen), spi)
                )
        for name, sighting in _esp(sides, case):
            found[name].append(sighting)
    return found


def _esp(sides: Sides, case: Case) -> Iterator[tuple[Key, Sighting]]:
    for stream in case.streams:
        role = sides.role(case, stream.sender)
        what = "ESP in UDP" if stream.carrier == "udp" else "ESP"
        passages = iter(stream.passages)
        passage = next(passages, None)
        if passage is None:
            continue
        for sequence, time, frame, octets in zip(
            stream.sequences, stream.times, stream.frames, stream.sizes, strict=True
        ):
            while passage.last_frame < frame and (after := next(passages, None)) is not None:
                passage = after
            yield (
                ("esp", stream.spi, sequence),
                Sighting(
                    time, frame, role, what, passage.source, passage.target, stream.spi, octets
                ),
            )


def _roles(near: Case, far: Case) -> dict[str, Role]:
    """Return which end an address of the far side is: whoever began the same key exchange, or sends
    under the same SPI. A capture may have begun with either end's packet.
    """
    found: dict[str, Role] = {}
    senders = {stream.spi: stream.sender for stream in near.streams}
    for stream in far.streams:
        if (sender := senders.get(stream.spi)) is not None:
            role = role_of(near, sender)
            found[stream.sender], found[stream.receiver] = role, OTHER_ROLE[role]
    for spi, attempt in far.attempts.items():
        mine = near.attempts.get(spi)
        if mine is not None and mine.initiator and attempt.initiator:
            role = role_of(near, mine.initiator)
            found[attempt.initiator], found[attempt.responder] = role, OTHER_ROLE[role]
    return found


def role_of(case: Case, address: str) -> Role:
    """Return which end an address is: a new one is of the end that moved."""
    initiator, responder = case.ends
    if address == responder:
        return "responder"
    return "initiator" if address == initiator or responder in case.pair.addresses else "responder"


def _pairs(
    near: dict[Key, list[Sighting]], far: dict[Key, list[Sighting]]
) -> list[tuple[int, int, Role]]:
    """Return the times of packets that were seen as often at one place as at the other."""
    found: list[tuple[int, int, Role]] = []
    for key, seen in near.items():
        other = far.get(key, [])
        if len(seen) == len(other):
            pairs = zip(seen, other, strict=True)
            found += [(here.time, there.time, here.role) for here, there in pairs]
    return found


def _match(sides: Sides, here: list[Sighting], there: list[Sighting]) -> None:
    """Match sightings of one packet in the order of time."""
    here.sort(key=lambda each: each.time)
    there.sort(key=lambda each: each.time)
    clocks, once = sides.clocks, len(here) == len(there)
    tolerance = TOLERANCE + 2 * (clocks.delay or 0)
    at = 0
    for seen in here:
        time = clocks.to_far(seen.time)
        while at < len(there) and not once and there[at].time - time < -tolerance:
            sides.only["far"].append(there[at])
            at += 1
        if at < len(there) and (once or abs(there[at].time - time) <= tolerance):
            sides.met.append(Met(seen, there[at]))
            at += 1
        else:
            sides.only["near"].append(seen)
    sides.only["far"] += there[at:]
