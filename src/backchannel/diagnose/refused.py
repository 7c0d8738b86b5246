"""What was refused: errors in clear, and authentications whose answer is a notification alone."""

from collections.abc import Iterator

from backchannel.diagnose.asking import SECOND, Question
from backchannel.diagnose.cases import Case, Found, evidence
from backchannel.diagnose.facts import Attempt, source
from backchannel.engine.observation import Observation
from backchannel.protocols.ike.events import IkeProposals, IkeStage
from backchannel.text import escape

AUTHENTICATING = frozenset({"IKE_AUTH", "IKE_INTERMEDIATE", "GSA_AUTH"})
_ALONE = "Notify alone"
AT_ONCE = SECOND // 4
"""How long it takes to verify what authenticates, with room."""


def stage(seen: Observation) -> IkeStage:
    """Return the stage that was reached."""
    assert isinstance(seen.event, IkeStage)
    return seen.event


def find(case: Case, attempt: Attempt, asked: list[Question]) -> Iterator[Found]:
    """Yield what was refused of an IKE SA of *case*, whose questions are *asked*."""
    passed = case.stands(attempt.spi)
    for seen in attempt.notifies:
        event = seen.event
        if not event.error or event.name in _NOT_HERE:  # type: ignore[attr-defined]
            continue
        yield _error(attempt, seen, passed)
    for seen in attempt.stages:
        if stage(seen).stage == "authentication-answered" and stage(seen).detail == _ALONE:
            yield _authentication(attempt, seen, asked)
    if passed and len(asked) > 1 and _breaks_off(attempt, asked[-2], asked[-1], case):
        yield _breaking(attempt, asked[-1])


_NOT_HERE = frozenset(
    {
        "INVALID_KE_PAYLOAD",
        "INVALID_SPI",
        "INVALID_IKE_SPI",
        "INVALID-SPI",
        "INVALID-COOKIE",
        "COOKIE",
    }
)
"""Errors that are no refusals of a beginning."""


def _error(attempt: Attempt, seen: Observation, passed: bool) -> Found:
    event = seen.event
    name = str(event.name)  # type: ignore[attr-defined]
    told = {
        "asker": attempt.initiator,
        "answerer": source(seen).address,
        "notify": name,
    }
    because = [evidence(f"{name} from {source(seen).address}", [seen])]
    offered = [each for each in attempt.proposals if not offer(each).chosen]
    proposals = name.replace("-", "_") == "NO_PROPOSAL_CHOSEN"
    if proposals and offered:
        because.append(evidence(f"offered was {transforms(offer(offered[0]))}", offered[:1]))
    return Found(
        "proposals-refused" if proposals else "refused",
        "likely",
        because,
        told,
        seen.frame,
        weight="note" if passed else None,
    )


def offer(seen: Observation) -> IkeProposals:
    """Return the proposals that were seen."""
    assert isinstance(seen.event, IkeProposals)
    return seen.event


def transforms(told: IkeProposals) -> str:
    """Return what is offered: `AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048`."""
    suites = []
    for suite in told.suites[:8]:
        names = [
            f"{each.name}_{each.bits}"
            if each.bits and str(each.bits) not in each.name
            else each.name
            for each in suite.algorithms[:24]
        ]
        suites.append("/".join(names))
    more = len(told.suites) - len(suites)
    return escape(", ".join(suites) + (f" and {more} more" if more > 0 else ""))


def _authentication(attempt: Attempt, seen: Observation, asked: list[Question]) -> Found:
    answer = next((q for q in asked if q.exchange in AUTHENTICATING and q.answers), None)
    sizes = []
    if answer is not None:
        sizes = [
            evidence(
                f"the answer has {answer.answer} bytes, the question {answer.whole}",
                [answer.last, answer.answers[-1]],
            )
        ]
    because = [
        evidence(f"the answer of {source(seen).address} holds a notification alone", [seen]),
        *sizes,
    ]
    told = {
        "asker": attempt.initiator,
        "answerer": attempt.responder,
        "refuser": source(seen).address,
    }
    return Found("authentication-refused", "likely", because, told, seen.frame)


def _breaks_off(attempt: Attempt, before: Question, question: Question, case: Case) -> bool:
    """Whether the initiator ends the association by a notification right behind the answer to what
    was *before*: it refuses the other's authentication (RFC 7296 §2.21.2). MOBIKE's notifications
    look alike, and come when an address changes.
    """
    answered = before.answers[0].time if before.answers else 0
    return (
        question.first.time - answered < AT_ONCE
        and attempt.version == 2
        and question.exchange == "INFORMATIONAL"
        and question.message_id == 2
        and not case.streams
        and question.source.address == attempt.initiator
        and question.first.event.first_inside == "Notify"  # type: ignore[attr-defined]
    )


def _breaking(attempt: Attempt, question: Question) -> Found:
    told = {"asker": attempt.initiator, "answerer": attempt.responder, "refuser": attempt.initiator}
    because = [
        evidence(
            f"{attempt.initiator} sends a notification behind the answer to its authentication, "
            "and no ESP follows",
            question.asked,
        )
    ]
    return Found("authentication-refused", "possible", because, told, question.first.frame)
