"""What became of each question of IKE: where it, or its answer, was lost between two places."""

from collections.abc import Iterator, Sequence

import msgspec

from backchannel.diagnose import keeping, reach
from backchannel.diagnose.asking import MTU, Question
from backchannel.diagnose.cases import Case, Found, evidence
from backchannel.diagnose.clocks import Role
from backchannel.diagnose.document import Certainty, Evidence, Which
from backchannel.diagnose.missed import OTHER_PLACE, OTHER_ROLE, PLACES
from backchannel.diagnose.reach import times, words
from backchannel.diagnose.sides import MARGIN, Sides

ASKED = frozenset(
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
INSISTENT = 3
"""Times that a question must come to show that it has no answer, whatever a capture missed."""
_Key = tuple[str, str, int, Role, int]
"""SPI, exchange, message number, who asks, and of IKEv1, whose main mode has one number for all,
which of them it is."""


class _Asked:
    """The questions of one place."""

    def __init__(self, sides: Sides, place: Which) -> None:
        self.cases = [sides.near] if place == "near" else sides.far
        self.questions: dict[_Key, Question] = {}
        self.done: set[_Key] = set()
        """Those whose asker went on, and so had an answer."""
        for case in self.cases:
            for spi, asked in case.asked.items():
                for number, question in enumerate(asked):
                    key = self._key(spi, question, sides.role(case, question.source.address))
                    # the last one, where it came with a cookie or a group
                    self.questions[key] = question
                    if question.went_on(asked[number + 1 :]):
                        self.done.add(key)

    def _key(self, spi: str, question: Question, role: Role) -> _Key:
        which = 0
        key = spi, question.exchange, question.message_id, role, which
        while not question.numbered and key in self.questions:
            which += 1
            key = spi, question.exchange, question.message_id, role, which
        return key

    def case(self, spi: str) -> Case:
        """Return to what an IKE SA belongs here."""
        return next((each for each in self.cases if spi in each.attempts), self.cases[0])


def find(sides: Sides, alone: set[int]) -> Iterator[Found]:
    """Yield what became of each question. Those of the near side that the capture at the far side
    could not have are *alone*: their first frames are added.
    """
    places = {place: _Asked(sides, place) for place in PLACES}
    done = places["near"].done | places["far"].done
    for key in sorted(places["near"].questions.keys() | places["far"].questions.keys()):
        place = sides.place(key[3])
        mine, there = (places[each].questions.get(key) for each in (place, OTHER_PLACE[place]))
        if mine is None or key in done:
            continue
        case = places[place].case(key[0])
        if not _asked_in_vain(sides, mine, case, key):
            continue
        deaf = key[3] in sides.deaf[OTHER_PLACE[place]]
        if there is not None or (not deaf and sides.covered(mine.first.time, place, MARGIN)):
            yield _Fate(sides, case, mine, there, key[3]).found()
        elif place == "near":
            alone.add(mine.first.frame)


def _asked_in_vain(sides: Sides, mine: Question, case: Case, key: _Key) -> bool:
    """Say whether a question had no answer, or none that arrived, as far as its own place tells."""
    if any(each.parted(mine) for each in (case, sides.near, *sides.far)):
        return False
    if mine.answers:
        return mine.unheard()
    if not mine.open(case.end):
        return False
    blind = OTHER_ROLE[key[3]] in sides.deaf[sides.place(key[3])]
    unsure = case.attempts[key[0]].version == 1 or blind  # nothing says that it wants an answer
    return mine.times > 1 or not unsure


class _Fate:
    """One question that had no answer, *mine* where it was asked, *there* at the other place."""

    def __init__(
        self, sides: Sides, case: Case, mine: Question, there: Question | None, role: Role
    ) -> None:
        self.sides, self.case, self.mine, self.there, self.role = sides, case, mine, there, role
        self.place = sides.place(role)
        self.other = OTHER_PLACE[self.place]
        self.because = [evidence(times(mine), mine.asked, of=self.place)]

    def found(self) -> Found:
        """Return what became of it."""
        there = self.there
        if there is None:
            self.because.append(evidence("none of them is at the other place", of=self.other))
            return self._named(self._sure())
        if missing := _missing(self.mine, there):
            return self._in_part(there, missing)
        self.because.append(evidence("they come to the other place", there.asked, of=self.other))
        if there.answers:
            return self._answers_lost(there)
        return self._arrived()

    def _sure(self) -> Certainty:
        """How sure it is that what is not at the other place did not come there."""
        often = self.mine.times >= INSISTENT or not self.sides.missed.get(self.other)
        return (
            "certain"
            if often and self.sides.covered(self.mine.first.time, self.place)
            else "likely"
        )

    def _in_part(self, there: Question, missing: Sequence[int]) -> Found:
        mine = self.mine
        self.because.append(
            evidence(
                f"fragments {', '.join(map(str, missing))} of {mine.fragments} never come to the "
                "other place",
                there.asked,
                of=self.other,
            )
        )
        told = words(mine) | reach.sizes(mine)
        return Found("ike-fragments-lost", self._sure(), self.because, told, mine.first.frame)

    def _answers_lost(self, there: Question) -> Found:
        mine, large = self.mine, there.answer_packet > MTU
        size = f", in packets of {there.answer_packet} bytes, more than {MTU}" if large else ""
        self.because.append(
            evidence(
                f"answers leave there, {len(there.answers)}{size}, and do not come back",
                there.answers,
                of=self.other,
            )
        )
        told = words(mine)
        if large:
            told |= reach.sizes(mine) | {"size": str(there.answer_packet)}
        name = "fragments-lost" if large else "answers-lost"
        return Found(name, "certain", self.because, told, mine.first.frame)

    def _arrived(self) -> Found:
        silent = OTHER_ROLE[self.role]
        if silent in self.sides.deaf[self.other]:  # it may have answered
            return self._named("likely")
        self.because.append(evidence("no answer leaves there", of=self.other))
        told = words(self.mine) | {"exchange": self.mine.exchange}
        sure: Certainty = "certain" if self.sides.hears(self.other, silent) else "likely"
        return Found("arrived-unanswered", sure, self.because, told, self.mine.first.frame)

    def _named(self, sure: Certainty) -> Found:
        """Name what is special about what is lost: the size, the port, the time."""
        mine, skipped = self.mine, ("no answer", "no packet", times(self.mine))
        for each in (*reach.find(self.case), *keeping.find(self.case)):
            if each.when == mine.first.frame and each.id in ASKED - {"too-early"}:
                kept: list[Evidence] = [
                    msgspec.structs.replace(e, of=self.place)
                    for e in each.because
                    if not e.text.startswith(skipped)
                ]
                return Found(each.id, sure, self.because + kept, each.words, each.when)
        return Found("no-answer", sure, self.because, words(mine), mine.first.frame)


def _missing(mine: Question, there: Question) -> list[int]:
    sent = {seen.event.fragment for seen in mine.asked}  # type: ignore[attr-defined]
    came = {seen.event.fragment for seen in there.asked}  # type: ignore[attr-defined]
    return sorted(sent - came)
