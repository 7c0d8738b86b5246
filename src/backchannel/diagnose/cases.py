"""What belongs together: two gateways, wherever one of them moved, and what was found of them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from backchannel.diagnose.advice import advice
from backchannel.diagnose.asking import Question, questions
from backchannel.diagnose.document import (
    Alternative,
    Certainty,
    Conclusion,
    Evidence,
    Weight,
    Which,
)
from backchannel.diagnose.facts import Attempt, Facts, Pair, Stream, source
from backchannel.engine.observation import Observation
from backchannel.protocols.ike.events import IkeMessage
from backchannel.when import rfc3339

FRAMES = 12
"""Frames that one piece of evidence names."""
_CERTAINTIES: tuple[Certainty, ...] = "possible", "likely", "certain"
_WEIGHTS: tuple[Weight, ...] = "problem", "warning", "note"


@dataclass(slots=True)
class Found:
    """A condition, before it is put into words."""

    id: str
    certainty: Certainty
    because: list[Evidence]
    words: dict[str, str] = field(default_factory=dict)
    when: int = 0
    """Frame of the first packet that shows it."""
    weight: Weight | None = None
    """Where it is not what the condition's advice says: of what passed."""


@dataclass(slots=True)
class Case:
    """Two gateways."""

    pair: Pair
    others: list[Pair] = field(default_factory=list)
    """The same two after one of them moved."""
    asked: dict[str, list[Question]] = field(default_factory=dict)
    """Questions of each IKE SA, by its initiator's SPI."""
    attempts: dict[str, Attempt] = field(default_factory=dict)
    streams: list[Stream] = field(default_factory=list)
    begin: int = 0
    end: int = 0
    """When the capture begins and ends."""
    full: int = 0
    """From when on its ESP was only counted; 0 for never."""
    forgotten: int = 0
    """Until when later exchanges of IKE are not kept; 0 for all are."""
    partial: bool = False
    """Whether its side let some go of what it had seen."""

    @property
    def pairs(self) -> list[Pair]:
        """All pairs of addresses."""
        return [self.pair, *self.others]

    @property
    def ends(self) -> tuple[str, str]:
        """Initiator and responder, as far as known."""
        for attempt in self.attempts.values():
            if attempt.initiator:
                return attempt.initiator, attempt.responder
        return self.pair.addresses

    @property
    def answered(self) -> bool:
        """Whether both ends are seen here."""
        asked = any(question.answers for each in self.asked.values() for question in each)
        return asked or len({stream.sender for stream in self.streams}) > 1

    def without(self, spis: Collection[str]) -> "Case":
        """Return the same without these SPIs of IKE and ESP."""
        if not any(spi in spis for spi in self.attempts) and not any(
            stream.spi in spis for stream in self.streams
        ):
            return self
        return replace(
            self,
            asked={spi: each for spi, each in self.asked.items() if spi not in spis},
            attempts={spi: each for spi, each in self.attempts.items() if spi not in spis},
            streams=[each for each in self.streams if each.spi not in spis],
        )

    def parted(self, question: Question) -> bool:
        """Whether a *question* was the farewell to one of several IKE SAs, as after new keys, and
        who asked it goes on to be answered: strongSwan repeats it where renewals cross. Where
        nothing of the other end was captured, that cannot be told, and is believed.
        """
        if not question.farewell:
            return False
        if not self.heard(question.target.address):
            return True
        return any(
            each.first.time > question.first.time
            and each.source.address == question.source.address
            and ((each.answers and not each.unheard()) or each.went_on(asked[number + 1 :]))
            for asked in self.asked.values()
            for number, each in enumerate(asked)
        )

    def heard(self, address: str) -> bool:
        """Whether anything that an end sent is in the capture."""
        return any(stream.sender == address for stream in self.streams) or any(
            source(seen).address == address
            for attempt in self.attempts.values()
            for seen in attempt.messages
        )

    def stands(self, spi: str) -> bool:
        """Say whether an IKE SA was granted."""
        return any(
            seen.event.stage in _GRANTED and seen.event.detail != "Notify alone"  # type: ignore[attr-defined]
            for seen in self.attempts[spi].stages
        )


_GRANTED = frozenset({"authentication-answered", "established"})


def cases(facts: Facts) -> list[Case]:
    """Return the gateways of a capture in the order in which they were seen first."""
    opened: dict[str, Pair] = {}
    for pair in facts.pairs.values():
        for spi, attempt in pair.attempts.items():
            if any(_opens(seen) for seen in attempt.messages):
                opened.setdefault(spi, pair)
    made: dict[tuple[str, str], Case] = {}
    moved: list[tuple[Pair, Pair]] = []
    for key, pair in facts.pairs.items():
        homes = [opened.get(spi) for spi in pair.attempts]
        again = any(_opens(seen) for each in pair.attempts.values() for seen in each.messages)
        if homes and None not in homes and all(home is not pair for home in homes) and not again:
            moved.append((pair, homes[0]))  # type: ignore[arg-type]
        else:
            made[key] = _case(pair, facts)
    keys = {id(pair): key for key, pair in facts.pairs.items()}
    for pair, home in moved:
        case = made.get(keys[id(home)])
        if case is None or _only_answers(pair):  # another's answers: of a NAT that mixed them up
            made[keys[id(pair)]] = _case(pair, facts)
        else:
            case.others.append(pair)
    for case in made.values():
        _gather(case)
    return sorted(made.values(), key=lambda case: (case.pair.frame, case.pair.addresses))


def _case(pair: Pair, facts: Facts) -> Case:
    return Case(pair, begin=facts.first, end=facts.last, full=facts.full, partial=facts.partial)


def twins(everybody: Sequence[Case]) -> list[tuple[Case, Case]]:
    """Return what is one tunnel on both sides of a NAT, in a capture of both: the same key exchange
    begins between other addresses. Who was seen first is nearer to who began.
    """
    found: list[tuple[Case, Case]] = []
    first: dict[str, Case] = {}
    taken: set[int] = set()
    for case in everybody:
        for spi, attempt in case.attempts.items():
            if not any(map(_opens, attempt.messages)):
                continue
            other = first.setdefault(spi, case)
            if other is not case and not {id(other), id(case)} & taken:
                found.append((other, case))
                taken |= {id(other), id(case)}
    return found


def _opens(seen: Observation) -> bool:
    event = seen.event
    assert isinstance(event, IkeMessage)
    return event.sender != "responder" and not event.responder_spi


def _only_answers(pair: Pair) -> bool:
    return not any(
        seen.event.response is False  # type: ignore[attr-defined]
        for attempt in pair.attempts.values()
        for seen in attempt.messages
    )


def _gather(case: Case) -> None:
    """Put the parts of each SA together that were seen at different addresses."""
    for pair in case.pairs:
        for spi, attempt in pair.attempts.items():
            whole = case.attempts.get(spi)
            if whole is None:
                whole = case.attempts[spi] = Attempt(spi, attempt.version)
            whole.messages += attempt.messages
            whole.notifies += attempt.notifies
            whole.proposals += attempt.proposals
            whole.stages += attempt.stages
            whole.nat = whole.nat or attempt.nat
            whole.vendors.update(attempt.vendors)
            whole.answered = whole.answered or attempt.answered
            case.forgotten = max(case.forgotten, attempt.forgotten)
        case.streams += pair.streams.values()
    for spi, attempt in case.attempts.items():
        attempt.messages.sort(key=lambda seen: seen.frame)
        case.asked[spi] = questions(attempt)
    case.streams.sort(key=lambda stream: stream.first_frame)


def evidence(
    text: str, seen: Iterable[Observation] | tuple[int, ...] = (), time: int = 0, of: Which = "near"
) -> Evidence:
    """Return what was seen, with the first packets that show it."""
    if isinstance(seen, tuple) and all(isinstance(each, int) for each in seen):
        frames = tuple(each for each in seen if isinstance(each, int))
    else:
        told = [each for each in seen if isinstance(each, Observation)]
        frames = tuple(each.frame for each in told)
        time = time or (told[0].time if told else 0)
    return Evidence(text=text, frames=frames[:FRAMES], of=of, time=rfc3339(time) if time else "")


def worded(case: Case, found: Found, *, compared: bool = False) -> Conclusion:
    """Put a condition of *case* into words. *compared*: with the far side, which need not be asked
    for then.
    """
    known, (initiator, responder) = advice()[found.id], case.ends
    usual = {"asker": initiator, "answerer": responder}
    if "receiver" in found.words:
        usual = {"asker": found.words["sender"], "answerer": found.words["receiver"]}
    words = usual | found.words
    return Conclusion(
        id=found.id,
        title=known.title.format(**words),
        weight=found.weight or known.weight,
        certainty=found.certainty,
        because=tuple(found.because),
        means=known.means.format(**words),
        otherwise=tuple(
            Alternative(cause=each.cause.format(**words), tell=each.tell.format(**words))
            for each in known.otherwise
        )
        if found.certainty != "certain"
        else (),
        next=tuple(
            each.format(**words) for each in known.next if not (compared and "--far" in each)
        ),
    )


def merged(found: Iterable[Found]) -> list[Found]:
    """Return each condition once: the same of several attempts is one."""
    kept: dict[tuple[str, str], Found] = {}
    for each in found:
        key = each.id, repr(sorted((k, v) for k, v in each.words.items() if k in _TELLING))
        before = kept.get(key)
        if before is None:
            kept[key] = each
            continue
        if _CERTAINTIES.index(each.certainty) > _CERTAINTIES.index(before.certainty):
            kept[key] = each
            each.because, before = each.because + before.because, each
        else:
            before.because = before.because + each.because
        if before.weight is not None and each.weight is None:
            before.weight = None
    for each in kept.values():
        each.because = each.because[:FRAMES]
    return sorted(
        kept.values(),
        key=lambda each: (
            _WEIGHTS.index(each.weight or advice()[each.id].weight),
            -_CERTAINTIES.index(each.certainty),
            each.when,
            each.id,
        ),
    )


_TELLING = frozenset({"asker", "answerer", "sender", "receiver", "port"})
"""Words that make two of one kind different ones."""
