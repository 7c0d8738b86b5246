"""What lies between two places: what was lost there, what a NAT changed, how long it remembers."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from backchannel.diagnose.asking import SECOND
from backchannel.diagnose.cases import FRAMES
from backchannel.diagnose.clocks import ROLES, Role
from backchannel.diagnose.document import Between, Lost, Translation, Which
from backchannel.diagnose.facts import source
from backchannel.diagnose.sides import Sides, Sighting
from backchannel.model import Endpoint
from backchannel.when import rfc3339

MAPPINGS = 64
"""Translations told of one end."""


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
        if sides.role(case, source(seen).address) == inside
    ]
