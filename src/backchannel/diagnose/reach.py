"""Why the key exchange does not come to its end: what was asked, and what came back."""

from collections.abc import Iterator

from backchannel.diagnose import refused
from backchannel.diagnose.asking import HEADERS, MTU, PATIENCE, Question, objections
from backchannel.diagnose.cases import Case, Found, evidence
from backchannel.diagnose.document import Certainty, Evidence
from backchannel.diagnose.events import IcmpRefusal
from backchannel.diagnose.facts import Attempt, source
from backchannel.diagnose.refused import AUTHENTICATING, stage
from backchannel.engine.observation import Observation

_OPENING = frozenset({"IKE_SA_INIT", "IKE_SESSION_RESUME", "Main Mode", "Aggressive Mode", "Base"})
TOO_BIG = "too-big"
_REASONS = {
    "prohibited": "administratively prohibited",
    "unreachable": "unreachable",
    "protocol": "protocol unreachable",
    "port": "port unreachable",
}


def find(case: Case) -> Iterator[Found]:
    """Yield what keeps IKE SAs of *case* from coming up."""
    for spi, attempt in case.attempts.items():
        asked = case.asked[spi]
        for question in asked:
            if question.unheard() and not case.parted(question):
                yield _unheard(question)
        yield from refused.find(case, attempt, asked)
        yield from _silence(case, attempt, asked)


def words(question: Question) -> dict[str, str]:
    """Return who asked whom, on which port."""
    return {
        "asker": question.source.address,
        "answerer": question.target.address,
        "port": str(question.target.port),
    }


def sizes(question: Question) -> dict[str, str]:
    """Return how large its largest packet is, in how many fragments of IKE it went, and which size
    of a ping makes such a packet.
    """
    return {
        "size": str(question.packet),
        "fragments": str(question.fragments),
        "probe": str(max(0, question.packet - HEADERS)),
    }


def times(question: Question) -> str:
    """Return `IKE_AUTH of 10.1.0.2 to UDP 4500 was sent 6 times within 3.2 s`."""
    often = "once" if question.times == 1 else f"{question.times} times"
    span = (question.last.time - question.first.time) / 1e9
    within = f" within {span:.1f} s" if question.times > 1 else ""
    return (
        f"{question.exchange} of {question.source.address} to UDP {question.target.port} "
        f"was sent {often}{within}"
    )


# -- silence -----------------------------------------------------------------------------------


def _silence(case: Case, attempt: Attempt, asked: list[Question]) -> Iterator[Found]:
    """The question that was never answered, and that nothing followed."""
    if case.stands(attempt.spi) or any(stage(seen).stage == "refused" for seen in attempt.stages):
        return
    silent = not any(question.answers for question in asked)
    unseen: Found | None = None
    for number, question in enumerate(asked):
        if question.answers or question.exchange not in _OPENING | AUTHENTICATING:
            continue
        later = asked[number + 1 :]
        if not _goes_on(case, question, later):
            if unseen is None or question.times > 1:  # what comes again had no answer
                yield from _open(case, attempt, question, asked)
        elif unseen is None and silent and later and not case.streams:
            unseen = _unseen(question, later)
    if unseen is not None:
        yield unseen
        return
    yield from _stopped(case, attempt, asked)


def _open(
    case: Case, attempt: Attempt, question: Question, asked: list[Question]
) -> Iterator[Found]:
    """A question without an answer: it may be too early to say, nothing may have been answered at
    all, or by what cannot be read.
    """
    if not question.open(case.end):
        if not case.answered:
            because = [evidence(times(question), question.asked)]
            yield Found("too-early", "certain", because, words(question), question.first.frame)
    elif not any(each.answers for each in asked) and not question.named:
        yield _nothing(case, question)
    elif attempt.version == 1 and (told := objections(attempt, question)):
        yield _unreadable(question, told)
    else:
        yield _unanswered(case, attempt, question, asked)


def _stopped(case: Case, attempt: Attempt, asked: list[Question]) -> Iterator[Found]:
    """Whoever got the first answer should have gone on."""
    last = asked[-1] if asked else None
    if last is None or not last.answers or case.end - last.last.time < PATIENCE:
        return
    redirected = any(stage(seen).stage == "redirected" for seen in attempt.stages)
    if attempt.version != 2 or last.exchange not in _OPENING or last.unheard() or redirected:
        return
    because = [
        evidence(f"{times(last)}, and was answered", [*last.asked, *last.answers]),
        evidence("nothing followed until the capture ends"),
    ]
    yield Found("stopped-early", "possible", because, words(last), last.first.frame)


def _goes_on(case: Case, question: Question, later: list[Question]) -> bool:
    """Say whether who asked had an answer all the same: it goes on to the next exchange, or it
    asked once and sends ESP of a tunnel that was not there before.
    """
    if question.went_on(later):
        return True
    return question.times == 1 and any(
        stream.sender == question.source.address and stream.first > question.last.time
        for stream in case.streams
    )


def _unseen(question: Question, later: list[Question]) -> Found:
    """Return that the answers took another way, or were not captured."""
    because = [
        evidence(times(question), question.asked),
        evidence(
            f"{question.source.address} goes on with {later[0].exchange}, so it had an answer, "
            "which is not here",
            later[0].asked,
        ),
    ]
    return Found(
        "one-direction-captured", "certain", because, words(question), question.first.frame
    )


def _nothing(case: Case, question: Question) -> Found:
    """Nothing was answered at all: perhaps ICMP says why."""
    told = words(question)
    because = [
        evidence(times(question), question.asked),
        evidence(
            f"no packet from UDP {question.target.port} of {question.target.address} in the capture"
        ),
    ]
    if objected := _icmp(case, question):
        event = refusal(objected[0])
        who, told["reason"] = source(objected[0]).address, _REASONS.get(event.reason, event.reason)
        told["refuser"] = who
        because.insert(
            1, evidence(f"ICMP from {who}: {told['reason']}, {len(objected)} times", objected)
        )
        itself = event.reason == "port" and who == question.target.address
        name = "nobody-listens" if itself else "refused-by-filter"
        return Found(name, "likely" if itself else "certain", because, told, question.first.frame)
    certainty: Certainty = "certain" if question.times > 1 else "likely"
    return Found("no-answer", certainty, because, told, question.first.frame)


def _icmp(case: Case, question: Question) -> list[Observation]:
    found: list[Observation] = []
    for pair in case.pairs:
        for seen in pair.refusals:
            event = refusal(seen)
            if event.reason == TOO_BIG or event.source != question.source.address:
                continue
            if event.target_port == question.target.port:
                found.append(seen)
    return found


def refusal(seen: Observation) -> IcmpRefusal:
    """Return the error that was seen."""
    assert isinstance(seen.event, IcmpRefusal)
    return seen.event


def _unreadable(question: Question, objections_: list[Observation]) -> Found:
    """IKEv1 encrypts with the pre-shared key: who has another one cannot read what is asked, says
    so, and is not understood either.
    """
    because = [
        evidence(times(question), question.asked),
        evidence(
            f"{question.target.address} answers by encrypted notifications, "
            f"{len(objections_)} of them, and {question.source.address} goes on asking",
            objections_,
        ),
    ]
    told = words(question) | {"refuser": question.target.address}
    return Found("authentication-refused", "likely", because, told, question.first.frame)


def _unanswered(case: Case, attempt: Attempt, question: Question, asked: list[Question]) -> Found:
    """Something was answered before. What is different now: the port, or the size."""
    told = words(question)
    told |= sizes(question)
    told["first_port"], earlier = _earlier(question, asked)
    because = [
        earlier,
        evidence(f"{times(question)}, in packets of {question.packet} bytes", question.asked),
        evidence(f"no answer to it from {question.target.address}"),
    ]
    passed = _passes(case, question)
    if passed is not None:
        because.append(
            evidence(f"other packets come from UDP {question.target.port} there", [passed])
        )
    if objected := _icmp(case, question):
        event = refusal(objected[0])
        told["refuser"] = source(objected[0]).address
        told["reason"] = _REASONS.get(event.reason, event.reason)
        because.append(evidence(f"ICMP from {told['refuser']}: {told['reason']}", objected))
        return Found("refused-by-filter", "certain", because, told, question.first.frame)
    if question.packet > MTU:
        because.append(
            evidence(f"{question.packet} bytes are more than {MTU}: it went in fragments of IP")
        )
        because.append(_cutting(attempt))
        return Found("fragments-lost", "likely", because, told, question.first.frame)
    if question.fragments > 1:
        return Found("ike-fragments-lost", "likely", because, told, question.first.frame)
    if passed is None:  # not even for another question
        return Found("blocked-4500", "likely", because, told, question.first.frame)
    if attempt.version == 2 and question.exchange in _OPENING:
        return Found("anew-unanswered", "likely", because, told, question.first.frame)
    return Found("auth-unanswered", "likely", because, told, question.first.frame)


def _earlier(question: Question, asked: list[Question]) -> tuple[str, Evidence]:
    """Return on which port something was answered before, and what shows it."""
    before = next((each for each in asked if each.answers), None)
    if before is not None:
        port = before.target.port
        seen = [before.first, before.answers[0]]
        return str(port), evidence(f"{before.exchange} to UDP {port} was answered", seen)
    what = f"it names the SPI of {question.target.address}: an answer to what came before it, which"
    return "500", evidence(f"{what} is not in the capture", question.asked[:1])


def _cutting(attempt: Attempt) -> Evidence:
    """Say who offered to cut IKE's messages (RFC 7383)."""
    offers = [seen for seen in attempt.notifies if seen.event.name == _CUTS]  # type: ignore[attr-defined]
    able = {source(seen).address for seen in offers}
    lacking = [end for end in (attempt.initiator, attempt.responder) if end not in able]
    if not lacking:
        return evidence("both ends offered to cut IKE's messages, and it was not done", offers)
    who = " and ".join(lacking)
    return evidence(f"{who} did not offer to cut IKE's messages (IKE fragmentation)", offers)


_CUTS = "IKEV2_FRAGMENTATION_SUPPORTED"


def _passes(case: Case, question: Question) -> Observation | None:
    """Return a packet that came from the very port that does not answer."""
    for pair in case.pairs:
        for attempt in pair.attempts.values():
            for seen in attempt.messages:
                if source(seen) == question.target:
                    return seen
    return None


def _unheard(question: Question) -> Found:
    answered, large = question.answers, question.answer_packet > MTU
    because = [
        evidence(times(question), question.asked),
        evidence(
            f"{len(answered)} answers from UDP {question.target.port} of {question.target.address} "
            "pass here, the first before the question came again",
            answered,
        ),
    ]
    told = words(question)
    if large:
        told |= sizes(question) | {"size": str(question.answer_packet)}
        what = f"they have {question.answer_packet} bytes, more than {MTU}: fragments of IP"
        because.append(evidence(what, answered))
    name = "fragments-lost" if large else "answers-lost"
    return Found(name, "likely", because, told, question.first.frame)
