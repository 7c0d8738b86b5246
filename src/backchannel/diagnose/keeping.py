"""What happens to a tunnel that stood: silence, time-outs, other ports, other addresses."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from backchannel.diagnose.asking import INFORMATIONAL_1, SECOND, Question
from backchannel.diagnose.cases import Case, Found, evidence
from backchannel.diagnose.document import Evidence
from backchannel.diagnose.facts import Attempt, Pair, Passage, Stream, source, target
from backchannel.diagnose.reach import refusal, times, words
from backchannel.engine.observation import Observation
from backchannel.model import Endpoint
from backchannel.protocols.ike.events import IkeMessage, NatDetection

IDLE = 5 * SECOND
"""Silence after which a state on the way may have timed out: the shortest in use are longer."""
SLOW = 45
"""Seconds between keep-alives from which on they are too far apart for many NATs."""
AT_LEAST = 3
_LATER = frozenset({"INFORMATIONAL", "CREATE_CHILD_SA", "Informational", "Quick Mode"})


def find(case: Case) -> Iterator[Found]:
    """Yield what became of tunnels that stood."""
    for spi, attempt in case.attempts.items():
        if case.stands(spi) or case.streams:
            for number, question in enumerate(case.asked[spi]):
                if _in_vain(case, question, case.asked[spi][number + 1 :]):
                    yield _silence(case, attempt, question)
        if attempt.version == 1:
            yield from _checks(case, attempt)
    yield from _mappings(case)
    yield from _moves(case)
    yield from _keepalives(case)


# -- silence -----------------------------------------------------------------------------------


def _in_vain(case: Case, question: Question, later: Sequence[Question]) -> bool:
    """Whether a question of a tunnel that stood came again, and had no answer."""
    unanswered = question.exchange in _LATER and question.times > 1 and not question.answers
    return unanswered and not question.went_on(later) and not case.parted(question)


def _silence(case: Case, attempt: Attempt, question: Question) -> Found:
    told = words(question)
    answerer = question.target.address
    idle = quiet_before(case, question.first.time)
    told |= {
        "idle": f"{idle / SECOND:.1f} s",
        "times": str(question.times),
        "what": question.exchange,
    }
    because = [
        evidence(times(question), question.asked),
        evidence(f"no answer to it from {answerer}"),
    ]
    alive = heard_after(case, answerer, question.first.time)
    gone = _refused_since(case, question)
    if (idle >= IDLE or gone) and _inside(attempt, answerer):
        because.append(evidence(f"before it there was no packet of the tunnel for {told['idle']}"))
        if gone:
            because.append(
                evidence(
                    f"ICMP from {source(gone[0]).address}: no mapping for that port any more",
                    gone,
                )
            )
        if alive:
            because.append(evidence(f"{answerer} is alive: later packets of it", (alive,)))
        return Found(
            "state-timed-out",
            "likely" if alive or gone else "possible",
            because,
            told,
            question.first.frame,
        )
    stale = _sends_into_nothing(case, question)
    because += stale
    return Found("peer-dead", "likely", because, told, question.first.frame)


def _checks(case: Case, attempt: Attempt) -> Iterator[Found]:
    """IKEv1's liveness checks (RFC 3706), each a message of its own: the last ones of an end, with
    nothing of the other one behind them. A farewell is two messages at once.
    """
    checks: list[Observation] = []
    for seen in attempt.messages:
        if checks and source(seen).address != source(checks[0]).address:
            checks = []
        event = seen.event
        assert isinstance(event, IkeMessage)
        if event.exchange != INFORMATIONAL_1 or not event.encrypted:
            checks = []
        elif not checks or seen.time - checks[-1].time >= SECOND // 2:
            checks.append(seen)
    if len(checks) < AT_LEAST:
        return
    first, peer = checks[0], target(checks[0]).address
    if not _heard_before(case, peer, first.time) or heard_after(case, peer, first.time):
        return
    told = {
        "asker": source(first).address,
        "answerer": peer,
        "times": str(len(checks)),
    }
    because = [
        evidence(f"{len(checks)} messages of {told['asker']}, as of liveness checks", checks),
        evidence(f"nothing of {peer} comes any more"),
    ]
    yield Found("peer-dead", "likely", because, told, first.frame)


def _heard_before(case: Case, address: str, time: int) -> bool:
    """Whether *address* sent anything before *time*."""
    return any(stream.sender == address and stream.first < time for stream in case.streams) or any(
        source(seen).address == address and seen.time < time
        for attempt in case.attempts.values()
        for seen in attempt.messages
    )


def _sends_into_nothing(case: Case, question: Question) -> list[Evidence]:
    asker = question.source.address
    for stream in case.streams:
        if stream.sender == asker:
            back = max((s.last for s in case.streams if s.sender != asker), default=0)
            lost = [t for t in stream.times if t > back]
            if back and len(lost) >= AT_LEAST:
                return [
                    evidence(
                        f"{len(lost)} packets of ESP of {asker} have no answer before it",
                        (stream.last_frame,),
                    )
                ]
    return []


def _refused_since(case: Case, question: Question) -> list[Observation]:
    """Return the ICMP errors about the question."""
    return [
        seen
        for pair in case.pairs
        for seen in pair.refusals
        if seen.time >= question.first.time and refusal(seen).source == question.source.address
    ]


def _inside(attempt: Attempt, address: str) -> bool:
    """Whether an end is behind a NAT, as far as the hashes tell."""
    if attempt.nat is None or not isinstance(attempt.nat.event, NatDetection):
        return False
    role = "initiator" if address == attempt.initiator else "responder"
    return attempt.nat.event.behind_nat in {role, "both"}


def quiet_before(case: Case, time: int) -> int:
    """Return how long there had been no packet of the tunnel before *time*, in nanoseconds; 0 where
    packets were only counted then.
    """
    latest = 0
    for pair in case.pairs:
        for seen in pair.keepalives:
            if seen.time < time:
                latest = max(latest, seen.time)
    for attempt in case.attempts.values():
        for seen in attempt.messages:
            if seen.time < time:
                latest = max(latest, seen.time)
    for stream in case.streams:
        at = bisect_left(stream.times, time)
        if at == len(stream.times) < stream.packets:
            if stream.last >= time:
                return 0
            latest = max(latest, stream.last)
        elif at:
            latest = max(latest, stream.times[at - 1])
    return time - latest if latest else 0


def heard_after(case: Case, address: str, time: int) -> int:
    """Return the frame of a packet that *address* sent after *time*; 0 for none."""
    for attempt in case.attempts.values():
        for seen in attempt.messages:
            if seen.time > time and source(seen).address == address:
                return seen.frame
    for stream in case.streams:
        if stream.sender == address and stream.last > time:
            return stream.last_frame
    for pair in case.pairs:
        for seen in pair.keepalives:
            if seen.time > time and source(seen).address == address:
                return seen.frame
    return 0


# -- another port ------------------------------------------------------------------------------


def _mappings(case: Case) -> Iterator[Found]:
    for stream in case.streams:
        for before, after in pairwise(stream.passages):
            if before.source.port == after.source.port or before.target != after.target:
                continue
            told = {
                "sender": stream.sender,
                "receiver": stream.receiver,
                "before": str(before.source),
                "after": str(after.source),
                "idle": f"{(after.first - before.last) / SECOND:.1f} s",
                "spacing": _spacing(case, stream.sender),
            }
            because = [
                evidence(
                    f"association {stream.spi}: from {before.source}, and after {told['idle']} "
                    f"from {after.source}",
                    (before.last_frame, after.first_frame),
                    before.last,
                )
            ]
            yield Found("mapping-changed", "certain", because, told, after.first_frame)
            yield from _followed(case, stream, before.source, after)


def _followed(case: Case, stream: Stream, old: Endpoint, after: Passage) -> Iterator[Found]:
    """Whether the receiver sends to the new port."""
    back = [each for each in case.streams if each.sender == stream.receiver]
    stray = [
        passage
        for each in back
        for passage in each.passages
        if passage.target == old and passage.last > after.first
    ]
    if not stray or _reached(back, after):
        return
    packets = sum(len(each.times) - bisect_left(each.times, after.first) for each in back)
    told = {
        "sender": stream.sender,
        "receiver": stream.receiver,
        "before": str(old),
        "after": str(after.source),
    }
    because = [
        evidence(f"{stream.sender} sends from {after.source}", (after.first_frame,), after.first),
        evidence(
            f"{stream.receiver} goes on sending to {old}, {packets} packets",
            tuple(passage.last_frame for passage in stray),
        ),
    ]
    yield Found("did-not-follow", "certain", because, told, after.first_frame)


def _reached(back: list[Stream], after: Passage) -> bool:
    return any(passage.target == after.source for each in back for passage in each.passages)


def _spacing(case: Case, sender: str) -> str:
    every = _spaces(case, sender)
    if every:
        return f"; here they came each {every:g} s"
    return "; none was seen here"


def _spaces(case: Case, sender: str) -> float:
    """Return the usual time between keep-alives of an end, in seconds; 0 for fewer than two."""
    seen = [
        each.time
        for pair in case.pairs
        for each in pair.keepalives
        if source(each).address == sender
    ]
    spaces = sorted(after - before for before, after in pairwise(seen))
    return round(spaces[len(spaces) // 2] / SECOND, 1) if spaces else 0.0


def _keepalives(case: Case) -> Iterator[Found]:
    for sender in case.ends:
        told = [
            each
            for pair in case.pairs
            for each in pair.keepalives
            if source(each).address == sender
        ]
        every = _spaces(case, sender)
        if len(told) > AT_LEAST and every > SLOW:
            words = {"every": f"{every:g}", "sender": sender}
            because = [evidence(f"{len(told)} keep-alives of {sender}", told)]
            yield Found("keepalive-slow", "possible", because, words, told[0].frame)


# -- another address ---------------------------------------------------------------------------


def _moves(case: Case) -> Iterator[Found]:
    for pair in sorted(case.others, key=lambda each: each.frame):
        mover, stays = _mover(case, pair)
        messages = [seen for attempt in pair.attempts.values() for seen in attempt.messages]
        asked = any(target(seen).address == stays for seen in messages)
        if not mover or not (asked or pair.streams):
            continue
        before = next(each for each in case.pair.addresses if each != stays)
        told = {
            "sender": before,
            "receiver": stays,
            "before": before,
            "after": mover,
            "answered": "",
        }
        because = [evidence(f"the association goes on from {mover}", (pair.frame,), pair.first)]
        answers = [seen for seen in messages if source(seen).address == stays]
        back = tuple(each.first_frame for each in pair.streams.values() if each.sender == stays)
        if answers or back:
            told["answered"] = f"frame {answers[0].frame}" if answers else "by ESP"
            because.append(evidence(f"{stays} answers there", answers[:4] or back))
            yield Found("moved", "likely", because, told, pair.frame)
        elif stray := _stray(case, pair, stays):
            because.append(evidence(f"{stays} goes on sending to {before}", stray))
            yield Found("did-not-follow", "certain", because, told, pair.frame)


def _stray(case: Case, pair: Pair, stays: str) -> tuple[int, ...]:
    """Return frames of ESP to the old address, which were sent after the first from the new one."""
    return tuple(
        stream.last_frame
        for stream in case.pair.streams.values()
        if stream.sender == stays and stream.last > pair.first
    )


def _mover(case: Case, pair: Pair) -> tuple[str, str]:
    """Return the new address, and the end that stays; nothing where both changed."""
    stays = [each for each in pair.addresses if each in case.pair.addresses]
    fresh = [each for each in pair.addresses if each not in case.pair.addresses]
    return (fresh[0], stays[0]) if len(stays) == 1 and len(fresh) == 1 else ("", "")
