"""The same packets at two places: which is which, how the clocks differ, what was lost where.

A packet is known again by what no translation changes: IKE's SPIs, exchange, number and fragment;
ESP's SPI and sequence number. `clocks` tells which end is at which place.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from backchannel.diagnose.asking import SECOND
from backchannel.diagnose.cases import FRAMES, Case
from backchannel.diagnose.clocks import ROLES, Clocks, Role, compare
from backchannel.diagnose.document import Between, Lost, Translation, Which
from backchannel.diagnose.facts import source, target
from backchannel.model import Endpoint
from backchannel.protocols.ike.events import IkeMessage
from backchannel.when import rfc3339

Key: TypeAlias = tuple[str | int | bool | None, ...]
MARGIN = 60 * SECOND
"""How long before and behind the packets of the other capture something may be missed there: one
that was filtered has none besides those that arrived.
"""
TOLERANCE = SECOND // 5
"""How far two sightings of one packet may be apart once clocks are known: retransmissions come
half a second apart or more."""
MAPPINGS = 64
"""Translations told of one end."""


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
    spans: dict[Which, tuple[int, int]] = field(default_factory=dict)
    """When each capture begins and ends, by its own clock."""
    full: dict[Which, int] = field(default_factory=dict)
    """From when on ESP was only counted there; 0 for never."""

    def covered(self, time: int, place: Which, margin: int = 0) -> bool:
        """Say whether the other capture went on at a *time* by the clock of a *place*."""
        other: Which = "far" if place == "near" else "near"
        if other not in self.spans or self.clocks.offset is None:
            return margin > 0
        first, last = self.spans[other]
        time = self.elsewhere(time, place)
        return first - margin <= time <= last + margin

    def counted(self, seen: Sighting, place: Which) -> bool:
        """Say whether the other side only counted ESP when it was *seen* at a *place*."""
        other: Which = "far" if place == "near" else "near"
        full = self.full.get(other, 0)
        if not full or not seen.what.startswith("ESP"):
            return False
        return self.elsewhere(seen.time, place) >= full - TOLERANCE

    def elsewhere(self, time: int, place: Which) -> int:
        """Return a *time* of a *place* by the clock of the other one."""
        return self.clocks.to_far(time) if place == "near" else self.clocks.to_near(time)

    def place(self, role: Role) -> Which:
        """Return the side on which an end is."""
        return "near" if role == self.clocks.near_role else "far"


def spis(case: Case) -> frozenset[str]:
    """Return the SPIs of IKE and ESP by which a case is known at any place."""
    return frozenset([*case.attempts, *(stream.spi for stream in case.streams)])


def meet(near: Case, far: Sequence[Case], known: frozenset[str] = frozenset()) -> Sides:
    """Match the packets of both places. *known* are the SPIs of all cases of the near side: behind
    a NAT several are one at the far side, and what is another's is left out.
    """
    made = Sides(near, list(far))
    here, foreign = _sightings([near]), known - spis(near)
    there = {key: seen for key, seen in _sightings(far).items() if _spi(key) not in foreign}
    made.spans["near"], made.full["near"] = (near.begin, near.end), near.full
    for case in far[:1]:
        made.spans["far"], made.full["far"] = (case.begin, case.end), case.full
    made.clocks = compare(_pairs(here, there))
    for key in here.keys() | there.keys():
        _match(made, here.get(key, []), there.get(key, []))
    made.met.sort(key=lambda each: (each.near.time, each.near.frame))
    for place, alone in made.only.items():
        made.only[place] = sorted(
            (
                each
                for each in alone
                if made.covered(each.time, place, MARGIN) and not made.counted(each, place)
            ),
            key=lambda each: (each.time, each.frame),
        )
    return made


def _spi(key: Key) -> str:
    """Return whose packet it is: the SPI of IKE, or of ESP."""
    return str(key[1] if key[0] == "esp" else key[0])


def _sightings(cases: Sequence[Case]) -> dict[Key, list[Sighting]]:
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
                role = role_of(case, source(seen).address)
                what = f"{event.exchange} to UDP {target(seen).port}"
                if event.response:
                    what = f"{event.exchange} answers from UDP {source(seen).port}"
                found[key].append(
                    Sighting(seen.time, seen.frame, role, what, source(seen), target(seen))
                )
        for name, sighting in _esp(case):
            found[name].append(sighting)
    return found


def _esp(case: Case) -> Iterator[tuple[Key, Sighting]]:
    for stream in case.streams:
        role = role_of(case, stream.sender)
        what = "ESP in UDP" if stream.carrier == "udp" else "ESP"
        passages = iter(stream.passages)
        passage = next(passages, None)
        if passage is None:
            continue
        for sequence, time, frame in zip(
            stream.sequences, stream.times, stream.frames, strict=True
        ):
            while passage.last_frame < frame and (after := next(passages, None)) is not None:
                passage = after
            yield (
                ("esp", stream.spi, sequence),
                Sighting(time, frame, role, what, passage.source, passage.target),
            )


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


def between(sides: Sides) -> Between:
    """Return what lies between the two places."""
    clocks, (kept, gone) = sides.clocks, _mapping(sides)
    near_end = sides.near.ends[ROLES.index(sides.clocks.near_role)]
    far_end = next((case.ends[1 - ROLES.index(sides.clocks.near_role)] for case in sides.far), "")
    return Between(
        matched=len(sides.met),
        clock_offset_ms=None if clocks.offset is None else round(clocks.offset / 1e6, 3),
        clock_drift_ppm=round(clocks.drift * 1e6, 1) if clocks.certain else None,
        delay_ms=None if clocks.delay is None else round(clocks.delay / 1e6, 3),
        clock_certain=clocks.certain,
        near_end=near_end,
        far_end=far_end,
        translations=tuple(_translations(sides)),
        mapping_kept_s=kept,
        mapping_lost_s=gone,
        lost=tuple(losses(sides)),
    )


def losses(sides: Sides) -> Iterator[Lost]:
    """Yield what was sent by an end and did not come to the other place, by kind."""
    sent: dict[tuple[Role, str], int] = defaultdict(int)
    lost: dict[tuple[Role, str], list[Sighting]] = defaultdict(list)
    for each in sides.met:
        sent[each.near.role, each.near.what] += 1
    for role in ROLES:
        for seen in sides.only[sides.place(role)]:
            if seen.role == role:
                sent[role, seen.what] += 1
                lost[role, seen.what].append(seen)
    for (role, what), missing in sorted(lost.items(), key=lambda item: item[1][0].time):
        yield Lost(
            what=what,
            sender=missing[0].source.address,
            sent=sent[role, what],
            arrived=sent[role, what] - len(missing),
            frames=tuple(each.frame for each in missing[:FRAMES]),
            of=sides.place(role),
        )


# -- translation -------------------------------------------------------------------------------


def _translations(sides: Sides) -> Iterator[Translation]:
    """Yield what each end's address and port are at either place, in the order of time."""
    found: dict[tuple[Endpoint, Endpoint], list[int]] = {}
    for each in sides.met:
        for here, there in (
            (each.near.source, each.far.source),
            (each.near.target, each.far.target),
        ):
            told = found.setdefault((here, there), [each.near.time, each.near.time, 0])
            told[1] = each.near.time
            told[2] += 1
    for (here, there), (first, last, packets) in list(found.items())[:MAPPINGS]:
        yield Translation(
            near=str(here),
            far=str(there),
            first_seen=rfc3339(first),
            last_seen=rfc3339(last),
            packets=packets,
        )


@dataclass(slots=True)
class _Hole:
    """A NAT's mapping: the address and port that it shows outside."""

    active: int
    """When a packet passed last."""
    opened: set[bool] = field(default_factory=set)
    """Of which kinds packets came in: True for ESP, False for IKE."""


def _mapping(sides: Sides) -> tuple[float | None, float | None]:
    """Return the longest silence that a mapping of the NAT survived, and the shortest that it did
    not, in seconds. It survived where a packet came in. It did not where one did not, of a kind
    that came in before, or where the next one went out from another port. Less than a second says
    nothing.
    """
    translated = {each.near.role for each in sides.met if each.near.source != each.far.source}
    if len(translated) != 1:
        return None, None
    (inside,) = translated
    kept, gone = list[int](), list[int]()
    holes: dict[Endpoint, _Hole] = {}
    latest: dict[Endpoint, Endpoint] = {}
    for time, way, inner, outer, esp in _passing(sides, inside):
        if way == "alive":
            for hole in holes.values():
                hole.active = time
            continue
        known = holes.get(outer)
        silence = time - known.active if known is not None else 0
        if way == "refused":
            if known is not None and esp in known.opened:
                gone.append(silence)
            continue
        if way == "in" and known is not None:
            kept.append(silence)
        before = latest.get(inner)
        if way == "out" and before is not None and before != outer and before in holes:
            gone.append(time - holes[before].active)
        latest[inner] = outer
        hole = holes.setdefault(outer, _Hole(time))
        hole.active = time
        if way == "in":
            hole.opened.add(esp)
    return _seconds(max(kept, default=0)), _seconds(
        min((g for g in gone if g >= SECOND), default=0)
    )


def _seconds(value: int) -> float | None:
    return round(value / SECOND, 1) if value >= SECOND else None


def _passing(sides: Sides, inside: Role) -> list[tuple[int, str, Endpoint, Endpoint, bool]]:
    """Return what passed the NAT or did not: time by the near clock, which way, the inner end's
    address inside and outside, and whether it was ESP.
    """
    place = sides.place(inside)
    told: list[tuple[int, str, Endpoint, Endpoint, bool]] = []
    for each in sides.met:
        here, there = (each.near, each.far) if place == "near" else (each.far, each.near)
        goes_out = each.near.role == inside
        ends = (here.source, there.source) if goes_out else (here.target, there.target)
        told.append(
            (each.near.time, "out" if goes_out else "in", *ends, here.what.startswith("ESP"))
        )
    outer: Which = "far" if place == "near" else "near"
    for seen in sides.only[outer]:
        if seen.role != inside:
            time = sides.clocks.to_near(seen.time) if outer == "far" else seen.time
            told.append((time, "refused", seen.target, seen.target, seen.what.startswith("ESP")))
    nobody = Endpoint("", 0)
    told += [(time, "alive", nobody, nobody, False) for time in _keepalives(sides, inside, place)]
    return sorted(told, key=lambda each: each[0])


def _keepalives(sides: Sides, inside: Role, place: Which) -> list[int]:
    """Return when the end inside kept the mapping open: those packets look all alike."""
    cases = [sides.near] if place == "near" else sides.far
    return [
        seen.time if place == "near" else sides.clocks.to_near(seen.time)
        for case in cases
        for pair in case.pairs
        for seen in pair.keepalives
        if role_of(case, source(seen).address) == inside
    ]
