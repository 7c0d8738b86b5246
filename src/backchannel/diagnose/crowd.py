"""What shows only beside others: floods, cookies, clients with one mapping or identity, TCP."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from backchannel.diagnose import replaced
from backchannel.diagnose.asking import SECOND
from backchannel.diagnose.cases import Case, Found, evidence
from backchannel.diagnose.facts import Attempt, source
from backchannel.engine.observation import Observation
from backchannel.protocols.ike.events import IkeMessage

FLOOD, WITHIN = 20, 60 * SECOND
"""Associations begun and not completed in so short a time that are no client's second thoughts: as
the rule `half-open-flood` has it.
"""


class Crowd:
    """All cases of a place."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.granted = replaced.granted(cases)
        self.of: dict[str, list[Case]] = defaultdict(list)
        """Cases by the SPIs of their key exchanges."""
        for case in cases:
            for spi in case.attempts:
                self.of[spi].append(case)


def find(case: Case, crowd: Crowd) -> Iterator[Found]:
    """Yield what *case* shows among all others."""
    yield from _flood(case)
    yield from _cookies(case)
    yield from _mixed(case, crowd)
    yield from replaced.find(case, crowd.granted)
    for pair in case.pairs:
        if pair.in_tcp is not None:
            port = str(pair.in_tcp.flow.server.port)
            because = [evidence("a TCP stream of IKE", [pair.in_tcp])]
            yield Found("in-tcp", "certain", because, {"port": port}, pair.in_tcp.frame)


def _flood(case: Case) -> Iterator[Found]:
    begun = sum(pair.begun for pair in case.pairs)
    unfinished = [
        attempt.messages[0]
        for spi, attempt in case.attempts.items()
        if attempt.messages and not case.stands(spi)
    ]
    times = sorted(seen.time for seen in unfinished)
    spans = (last - first for first, last in zip(times, times[FLOOD - 1 :], strict=False))
    if not any(span <= WITHIN for span in spans):
        return
    asker, answerer = case.ends
    told = {"asker": asker, "answerer": answerer, "begun": f"{begun:,} in all"}
    because = [
        evidence(f"{begun:,} IKE SAs were begun, each with an SPI of its own", unfinished),
        evidence(f"{FLOOD} or more of them within {WITHIN // SECOND} s, and not completed"),
    ]
    yield Found("half-open-flood", "certain", because, told, case.pair.frame)


def _cookies(case: Case) -> Iterator[Found]:
    asked = [
        seen
        for attempt in case.attempts.values()
        for seen in attempt.stages
        if seen.event.stage == "cookie-required"  # type: ignore[attr-defined]
    ]
    if asked:
        told = {"answerer": source(asked[0]).address, "asker": case.ends[0]}
        because = [evidence("COOKIE was asked for", asked)]
        yield Found("cookies", "certain", because, told, asked[0].frame)


def _mixed(case: Case, crowd: Crowd) -> Iterator[Found]:
    """Answers to what another one asked."""
    for spi, attempt in case.attempts.items():
        if attempt.answered or not attempt.messages:
            continue
        mine = source(attempt.messages[0]).address
        for other in crowd.of.get(spi, ()):
            twin = other.attempts[spi]
            if other is case or twin.answered or not twin.messages:
                continue
            if not _asks(attempt) or _asks(twin):
                continue
            first = attempt.messages[0].frame
            answers = [seen for seen in twin.messages if seen.frame > first and _answers(seen)]
            if not answers:  # what went there before: the asker had that address, and moved
                continue
            answerer = source(twin.messages[0]).address
            winner = next((each for each in other.pair.addresses if each != answerer), "")
            if attempt.responder != answerer or winner == mine:
                continue
            told = {"victim": mine, "winner": winner, "answerer": answerer, "asker": mine}
            because = [
                evidence(f"{mine} asks {answerer} under SPI {spi}", attempt.messages),
                evidence(f"answers under this SPI go to {winner}", answers),
            ]
            yield Found("shared-mapping", "certain", because, told, first)


def _answers(seen: Observation) -> bool:
    """Whether it is an answer, or of IKEv1, which does not say."""
    assert isinstance(seen.event, IkeMessage)
    return seen.event.response is not False


def _asks(attempt: Attempt) -> bool:
    event = attempt.messages[0].event
    assert isinstance(event, IkeMessage)
    return event.sender == "initiator" and not event.response
