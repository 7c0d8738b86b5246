"""Exchanges: who asked what, how often, and whether an answer passed.

IKEv2 numbers its exchanges. IKEv1 does not, so there a question is a message that comes again, and
its answer is the next one of the other side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from backchannel.diagnose.facts import Attempt, source, target
from backchannel.engine.observation import Observation
from backchannel.model import Endpoint
from backchannel.protocols.ike.events import IkeMessage

SECOND = 1_000_000_000
PATIENCE = 2 * SECOND
"""How long a question must have been open to count as unanswered, where it did not come again."""
DOUBLED = SECOND // 50
"""What comes again so soon is the same packet at another interface: the fastest retransmissions of
IKE take some 100 ms.
"""
MTU = 1500
HEADERS = 28
"""Of IPv4 and UDP: what is added to a message's size (which includes no marker)."""
MARKER = 4


@dataclass(slots=True)
class Question:
    """One message that wants an answer, and each time it came again."""

    exchange: str
    message_id: int
    source: Endpoint
    target: Endpoint
    numbered: bool
    """Whether it surely wants an answer, as in IKEv2."""
    asked: list[Observation] = field(default_factory=list)
    answers: list[Observation] = field(default_factory=list)

    @property
    def first(self) -> Observation:
        """When it came first."""
        return self.asked[0]

    @property
    def last(self) -> Observation:
        """When it came last."""
        return self.asked[-1]

    @property
    def frames(self) -> tuple[int, ...]:
        """Its packets."""
        return tuple(seen.frame for seen in self.asked)

    @property
    def times(self) -> int:
        """How often it was asked: a message in fragments comes once with all of them, and a capture
        of two interfaces may have each packet twice.
        """
        part = _of(self.first).fragment
        sent = [seen.time for seen in self.asked if _of(seen).fragment == part]
        return 1 + sum(after - before >= DOUBLED for before, after in pairwise(sent))

    @property
    def whole(self) -> int:
        """Bytes of the message, its fragments together."""
        return _together(self.asked)

    @property
    def answer(self) -> int:
        """Bytes of its answer, likewise; 0 for none."""
        return _together(self.answers)

    @property
    def packet(self) -> int:
        """Bytes of the largest packet of IP, were it not cut in fragments."""
        return _packet(self.asked)

    @property
    def answered_whole(self) -> bool:
        """Whether all fragments of IKE of its answer are there."""
        parts = {_of(seen).fragment for seen in self.answers}
        return all(len(parts) >= _of(seen).fragments for seen in self.answers)

    @property
    def answer_packet(self) -> int:
        """The same of its answer; 0 for none."""
        return _packet(self.answers)

    @property
    def fragments(self) -> int:
        """In how many fragments of IKE it came; 0 where it was whole."""
        return max(_of(seen).fragments for seen in self.asked)

    @property
    def named(self) -> bool:
        """Whether it names the SPI of whom it asks, who had answered before then."""
        first = _of(self.first)
        return bool(first.responder_spi) and first.sender != "responder"

    @property
    def farewell(self) -> bool:
        """Whether it ends the IKE SA, or one of ESP."""
        return self.exchange == "INFORMATIONAL" and _of(self.first).first_inside == "Delete"

    def went_on(self, later: Sequence["Question"]) -> bool:
        """Say whether who asked had an answer all the same: what it asks *later* shows that, by
        another exchange or, in IKEv2, by a higher number (RFC 7296 §2.3, a window of one).
        """
        return any(
            each.source.address == self.source.address
            and (
                each.exchange != self.exchange
                or (self.numbered and each.message_id > self.message_id)
            )
            for each in later
        )

    def open(self, end: int) -> bool:
        """Say whether it was unanswered for long enough, in a capture that ends at *end*."""
        late = self.numbered and end - self.first.time >= PATIENCE
        return not self.answers and (self.times > 1 or late)

    def unheard(self) -> bool:
        """Say whether it came again after its answer had passed: the answer did not arrive."""
        if not self.answers:
            return False
        answered = self.answers[0].time
        after = [seen.time for seen in self.asked if seen.time - answered >= DOUBLED]
        return len(after) >= 2


INFORMATIONAL_1 = "Informational"
_OPENING = frozenset({"IKE_SA_INIT", "IKE_SESSION_RESUME"})
_OTHER = {"initiator": "responder", "responder": "initiator"}


def _together(messages: list[Observation]) -> int:
    """Return the bytes of a message that came several times, or in fragments."""
    sizes = {_of(seen).fragment: _of(seen).size for seen in messages}
    return sum(size for part, size in sizes.items() if part or len(sizes) == 1)


def _packet(messages: list[Observation]) -> int:
    """Return the bytes of the largest packet of IP that a message needs."""
    if not messages:
        return 0
    marked = any(_of(seen).framing == "non-esp-marker" for seen in messages)
    return max(_of(seen).size for seen in messages) + HEADERS + MARKER * marked


def _of(seen: Observation) -> IkeMessage:
    assert isinstance(seen.event, IkeMessage)
    return seen.event


def questions(attempt: Attempt) -> list[Question]:
    """Return the questions of an IKE SA in order."""
    found = _version_1(attempt) if attempt.version == 1 else _version_2(attempt)
    return sorted(found, key=lambda question: question.first.frame)


def objections(attempt: Attempt, question: Question) -> list[Observation]:
    """Return the encrypted notifications of IKEv1 that came from who was asked, from the question
    on: those in clear prove nothing.
    """
    return [
        seen
        for seen in attempt.messages
        if _of(seen).exchange == INFORMATIONAL_1
        and _of(seen).encrypted
        and source(seen).address == question.target.address
        and seen.time >= question.first.time
    ]


def _version_2(attempt: Attempt) -> Iterator[Question]:
    """The first message is sent anew, under its old number, with a cookie or another group."""
    latest: dict[tuple[str, int, str], Question] = {}
    for seen in attempt.messages:
        event = _of(seen)
        if event.framing == "reassembled":
            continue
        asker = _OTHER.get(event.sender, "") if event.response else event.sender
        key = event.exchange, event.message_id, asker
        question = latest.get(key)
        if event.response:
            if question is not None:
                question.answers.append(seen)
            continue
        anew = event.exchange in _OPENING and not event.retransmission
        if question is None or (anew and question.answers):
            if question is not None:
                yield question
            question = latest[key] = Question(
                event.exchange, event.message_id, source(seen), target(seen), True
            )
        question.asked.append(seen)
    yield from latest.values()


def _version_1(attempt: Attempt) -> Iterator[Question]:
    latest: dict[tuple[str, int, str], Question] = {}
    for seen in attempt.messages:
        event, here, there = _of(seen), source(seen), target(seen)
        if event.exchange == INFORMATIONAL_1 and not event.retransmission:
            continue
        mine = event.exchange, event.message_id, here.address
        other = event.exchange, event.message_id, there.address
        question, asked = latest.get(mine), latest.get(other)
        if asked is not None and (event.retransmission or not asked.answers):
            asked.answers.append(seen)
        if question is None or not (event.retransmission or event.fragment):
            if question is not None:
                yield question
            question = latest[mine] = Question(event.exchange, event.message_id, here, there, False)
        question.asked.append(seen)
    yield from latest.values()
