"""What two captures say together: each condition at the place where it happens."""

from collections.abc import Iterator, Sequence

import msgspec

from backchannel.diagnose import carried, fates
from backchannel.diagnose.cases import Case, Found, evidence
from backchannel.diagnose.clocks import ROLES, Role
from backchannel.diagnose.document import Which
from backchannel.diagnose.facts import source
from backchannel.diagnose.fates import ASKED
from backchannel.diagnose.missed import OTHER_PLACE, PLACES
from backchannel.diagnose.sides import Sides

_ESP = frozenset({"esp-one-way", "plain-esp-dropped", "esp-lost", "one-direction-captured"})
"""Conditions of ESP at one place, which both places tell better."""
_VIEWS = frozenset({"esp-without-ike", "nat-unknown"})
"""What is only so as one place sees it."""
ENOUGH = 3
SHARE = 0.01
"""Packets, and the part of all, that a capture must have missed to be worth a word."""


def find(sides: Sides, near: Sequence[Found], far: Sequence[tuple[Case, Found]]) -> Iterator[Found]:
    """Yield what holds of *near* conditions and of *far* ones, and what only both together show."""
    told: set[str] = set()
    alone: set[int] = set()
    yield from _views(sides)
    yield from fates.find(sides, alone)
    esp = list(carried.find(sides))
    yield from esp
    asked_near = {each.first.frame for asked in sides.near.asked.values() for each in asked}
    asked_near -= alone
    carries = any(each.near.what.startswith("ESP") for each in sides.met) or bool(esp)
    for found in near:
        if found.id in ASKED and found.when in asked_near:
            continue
        if found.id in _ESP or (found.id == "no-child" and carries):
            continue
        told.add(found.id)
        yield found
    for _, found in far:
        if found.id in ASKED | _ESP | _VIEWS | told or (found.id == "no-child" and carries):
            continue
        yield _far(found)


def _far(found: Found) -> Found:
    """Say that the frames are those of the far side."""
    found.because = [msgspec.structs.replace(each, of="far") for each in found.because]
    return found


def _views(sides: Sides) -> Iterator[Found]:
    """Yield what the captures themselves did not see."""
    for place in PLACES:
        for role in sorted(sides.deaf[place]):
            yield _deaf(sides, place, role)
        missed, share = sides.missed.get(place, []), sides.incomplete(place)
        if len(missed) >= ENOUGH and share >= SHARE:
            told = {"place": place, "percent": f"{100 * share:.1f} %"}
            what = evidence(
                f"{len(missed):,} packets were sent from the place of the {place} capture and came "
                "to the other one; they are not in it",
                tuple(each.frame for each in missed),
                missed[0].time,
                of=OTHER_PLACE[place],
            )
            yield Found("capture-incomplete", "certain", [what], told)


def _deaf(sides: Sides, place: Which, role: Role) -> Found:
    """Say of whom a capture has nothing, with what the other one has."""
    other = OTHER_PLACE[place]
    cases = [sides.near] if other == "near" else sides.far
    seen = [
        sent.frame
        for case in cases
        for attempt in case.attempts.values()
        for sent in attempt.messages
        if sides.role(case, source(sent).address) == role
    ]
    end = cases[0].ends[ROLES.index(role)]
    told = f"nothing of {end} is in the {place} capture; the other one has it, and it was answered"
    return Found("one-direction-captured", "certain", [evidence(told, tuple(seen), of=other)])
