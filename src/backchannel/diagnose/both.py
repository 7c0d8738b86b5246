"""What two captures say together: each condition at the place where it happens."""

from collections.abc import Iterator, Sequence

import msgspec

from backchannel.diagnose import keeping, reach
from backchannel.diagnose.asking import Question
from backchannel.diagnose.cases import Case, Found, evidence
from backchannel.diagnose.clocks import ROLES, Role
from backchannel.diagnose.document import Certainty, Evidence, Which
from backchannel.diagnose.reach import times, words
from backchannel.diagnose.sides import MARGIN, Sides

_ASKED = frozenset(
    {
        "no-answer",
        "blocked-4500",
        "anew-unanswered",
        "auth-unanswered",
        "fragments-lost",
        "ike-fragments-lost",
        "peer-dead",
        "state-timed-out",
        "stopped-early",
        "answers-lost",
        "too-early",
    }
)
"""Conditions of one question, whose `when` is its first packet."""
_ESP = frozenset({"esp-one-way", "plain-esp-dropped", "esp-lost", "one-direction-captured"})
"""Conditions of ESP at one place, which both places tell better."""
_VIEWS = frozenset({"esp-without-ike", "nat-unknown"})
"""What is only so as one place sees it."""
ENOUGH = 3
SHARE = 0.01
_Key = tuple[str, str, int, Role, int]
"""SPI, exchange, message number, who asks, and of IKEv1, whose main mode has one number for all,
which of them it is."""


def find(sides: Sides, near: Sequence[Found], far: Sequence[tuple[Case, Found]]) -> Iterator[Found]:
    """Yield what holds of *near* conditions and of *far* ones, and what only both together show."""
    places: dict[Which, dict[_Key, Question]] = {
        "near": _questions(sides, [sides.near]),
        "far": _questions(sides, sides.far),
    }
    told: set[str] = set()
    alone: set[int] = set()
    yield from _fates(sides, places, alone)
    esp = list(_esp(sides))
    yield from esp
    carried = any(each.near.what.startswith("ESP") for each in sides.met) or bool(esp)
    for found in near:
        asked = found.id in _ASKED and found.when not in alone
        if asked or found.id in _ESP or (found.id == "no-child" and carried):
            continue
        told.add(found.id)
        yield found
    for _, found in far:
        if found.id in _ASKED | _ESP | _VIEWS | told or (found.id == "no-child" and carried):
            continue
        yield _far(found)


def _far(found: Found) -> Found:
    """Say that the frames are those of the far side."""
    found.because = [msgspec.structs.replace(each, of="far") for each in found.because]
    return found


def _questions(sides: Sides, cases: Sequence[Case]) -> dict[_Key, Question]:
    found: dict[_Key, Question] = {}
    for case in cases:
        for spi, asked in case.asked.items():
            for question in asked:
                role = sides.role(case, question.source.address)
                which = 0
                key = spi, question.exchange, question.message_id, role, which
                while not question.numbered and key in found:
                    which += 1
                    key = spi, question.exchange, question.message_id, role, which
                found[key] = question  # the last one, where it came with a cookie or a group
    return found


# -- questions ---------------------------------------------------------------------------------


def _fates(
    sides: Sides, places: dict[Which, dict[_Key, Question]], alone: set[int]
) -> Iterator[Found]:
    """Yield what became of each question. Those of the near side that were asked when there was no
    capture at the far side are *alone*: their first frames are added.
    """
    for key in sorted(places["near"].keys() | places["far"].keys()):
        place = sides.place(key[3])
        other: Which = "far" if place == "near" else "near"
        mine, there = places[place].get(key), places[other].get(key)
        if mine is None:
            continue
        cases = [sides.near] if place == "near" else sides.far
        case = next((each for each in cases if key[0] in each.attempts), cases[0])
        if mine.answers and not mine.unheard():
            continue
        if not mine.answers and not mine.open(case.end):
            continue
        if case.attempts[key[0]].version == 1 and mine.times < 2:
            continue  # nothing says that it wants an answer
        first = mine.first
        if there is None and not sides.covered(first.time, place, MARGIN):
            if place == "near":
                alone.add(first.frame)
            continue
        yield _fate(sides, case, mine, there, place, other)


def _fate(  # noqa: PLR0917 - the two places
    sides: Sides, case: Case, mine: Question, there: Question | None, place: Which, other: Which
) -> Found:
    told = words(mine)
    because = [evidence(times(mine), mine.asked, of=place)]
    first = mine.first.frame
    if there is None:
        because.append(evidence("none of them is at the other place", of=other))
        sure: Certainty = "certain" if sides.covered(mine.first.time, place) else "likely"
        return _lost(sides, case, mine, because, sure)
    if missing := _missing(mine, there):
        because.append(
            evidence(
                f"fragments {_listed(missing)} of {mine.fragments} never come to the other place",
                there.asked,
                of=other,
            )
        )
        told |= {
            "size": str(mine.packet),
            "fragments": str(mine.fragments),
            "probe": str(mine.packet - 28),
        }
        return Found("ike-fragments-lost", "certain", because, told, first)
    because.append(evidence("they come to the other place", there.asked, of=other))
    if there.answers:
        because.append(
            evidence(
                f"answers leave there, {len(there.answers)}, and do not come back",
                there.answers,
                of=other,
            )
        )
        return Found("answers-lost", "certain", because, told, first)
    because.append(evidence("no answer leaves there", of=other))
    told["exchange"] = mine.exchange
    return Found("arrived-unanswered", "certain", because, told, first)


def _lost(
    sides: Sides, case: Case, mine: Question, because: list[Evidence], sure: Certainty
) -> Found:
    """Name what is special about what is lost: the size, the port, the time."""
    for each in (*reach.find(case), *keeping.find(case)):
        if each.when == mine.first.frame and each.id in _ASKED - {"too-early"}:
            kept = [
                e
                for e in each.because
                if not e.text.startswith(("no answer", "no packet", times(mine)))
            ]
            place = sides.place(sides.role(case, mine.source.address))
            kept = [msgspec.structs.replace(e, of=place) for e in kept]
            return Found(each.id, sure, because + kept, each.words, each.when)
    return Found("no-answer", sure, because, words(mine), mine.first.frame)


def _missing(mine: Question, there: Question) -> list[int]:
    sent = {seen.event.fragment for seen in mine.asked}  # type: ignore[attr-defined]
    came = {seen.event.fragment for seen in there.asked}  # type: ignore[attr-defined]
    return sorted(sent - came)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


# -- ESP ---------------------------------------------------------------------------------------


def _esp(sides: Sides) -> Iterator[Found]:
    ike = any(not each.near.what.startswith("ESP") for each in sides.met)
    for role in ROLES:
        place = sides.place(role)
        came = [
            each
            for each in sides.met
            if each.near.role == role and each.near.what.startswith("ESP")
        ]
        lost = [
            each for each in sides.only[place] if each.role == role and each.what.startswith("ESP")
        ]
        if not lost:
            continue
        sent = len(came) + len(lost)
        within = sum(sides.covered(each.time, place) for each in lost)
        sure: Certainty = "certain" if within >= ENOUGH else "likely"
        told = {
            "sender": lost[0].source.address,
            "receiver": lost[0].target.address,
            "port": str(lost[0].target.port),
        }
        because = [
            evidence(
                f"{sent:,} packets of {lost[0].what} of {told['sender']} were sent, "
                f"{len(came):,} came to the other place",
                tuple(each.frame for each in lost),
                lost[0].time,
                of=place,
            )
        ]
        if not came and sent >= ENOUGH:
            if ike:
                because.append(evidence("IKE between the two comes through"))
            plain = lost[0].what == "ESP"
            yield Found(
                "plain-esp-dropped" if plain else "esp-dropped",
                sure,
                because,
                told,
                lost[0].frame,
            )
        elif len(lost) >= ENOUGH and len(lost) / sent >= SHARE:
            told["percent"] = f"{100 * len(lost) / sent:.1f} %"
            yield Found("esp-lost", sure, because, told, lost[0].frame)
    yield from _unanswered(sides)


def _unanswered(sides: Sides) -> Iterator[Found]:
    """ESP of one end arrives, and the other one sends none."""
    came = {
        role: [
            each
            for each in sides.met
            if each.near.role == role and each.near.what.startswith("ESP")
        ]
        for role in ROLES
    }
    for role, back in zip(ROLES, reversed(ROLES), strict=True):
        silent = not came[back] and not any(
            each.role == back and each.what.startswith("ESP")
            for each in sides.only[sides.place(back)]
        )
        if len(came[role]) >= ENOUGH and silent:
            first = came[role][0].near
            told = {"sender": first.source.address, "receiver": first.target.address}
            because = [
                evidence(
                    f"{len(came[role]):,} packets of {first.what} of {first.source.address} come "
                    "to the other place, and none leaves there",
                    (first.frame,),
                    first.time,
                )
            ]
            yield Found("esp-unanswered", "certain", because, told, first.frame)
