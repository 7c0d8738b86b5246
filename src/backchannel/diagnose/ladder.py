"""How far a tunnel came: the rungs, each with the packet that reached it."""

from collections.abc import Iterator, Sequence

from backchannel.diagnose.cases import Case
from backchannel.diagnose.document import Conclusion, Step
from backchannel.diagnose.facts import Attempt, Stream
from backchannel.protocols.ike.events import IkeStage, NatDetection

_NAMES = {
    "initiated": ("asked", "IKE: first message"),
    "answered": ("answered", "IKE: its answer"),
    "authenticating": ("authenticating", "IKE: authentication"),
    "authentication-answered": ("authenticated", "IKE: authentication answered"),
}
_BEFORE = {"unanswered", "silent", "refused"}


def steps(case: Case) -> tuple[Step, ...]:
    """Return the rungs: of the attempt that came farthest, and of ESP."""
    best = max(
        case.attempts.values(),
        key=lambda each: (len(_reached(each)), -each.messages[0].frame if each.messages else 0),
        default=None,
    )
    told: list[Step] = []
    reached = _reached(best) if best is not None else {}
    for stage, (name, text) in _NAMES.items():
        frame = reached.get(stage, 0)
        later = any(reached.get(other) for other in list(_NAMES)[list(_NAMES).index(stage) :])
        unknown = best is None or (later and not frame)
        if (
            stage == "authentication-answered"
            and frame
            and best is not None
            and not case.stands(best.spi)
        ):
            told.append(
                Step(stage=name, reached="no", text="IKE: authentication refused", frame=frame)
            )
            continue
        told.append(
            Step(
                stage=name,
                reached="yes" if frame else "unknown" if unknown else "no",
                text=text,
                frame=frame,
            )
        )
    told += _esp(case)
    return tuple(told)


def _reached(attempt: Attempt) -> dict[str, int]:
    found: dict[str, int] = {}
    for seen in attempt.stages:
        assert isinstance(seen.event, IkeStage)
        if seen.event.stage not in _BEFORE:
            found.setdefault(seen.event.stage, seen.frame)
    return found


def _esp(case: Case) -> Iterator[Step]:
    initiator, responder = case.ends
    for name, sender in (("sends", initiator), ("receives", responder)):
        streams = [
            each for each in case.streams if each.sender == sender or _later(case, each, sender)
        ]
        packets = sum(each.packets for each in streams)
        carriers = {"ip": "by itself", "udp": "in UDP", "tcp": "in TCP"}
        how = ", ".join(sorted({carriers.get(each.carrier, "") for each in streams}))
        way = f"ESP from {sender}"
        yield Step(
            stage=name,
            reached="yes" if packets else "no",
            text=f"{way}: {packets:,} packets {how}" if packets else way,
            frame=streams[0].first_frame if streams else 0,
        )


def _later(case: Case, stream: Stream, sender: str) -> bool:
    """Whether a stream is an end's that has another address by now."""
    other = next((each for each in case.ends if each != sender), "")
    known = stream.sender in case.ends
    return not known and stream.receiver == other


def nat(case: Case) -> str:
    """Return who is behind a NAT, in words; empty where nothing tells."""
    for attempt in reversed(case.attempts.values()):
        if attempt.nat is not None and isinstance(attempt.nat.event, NatDetection):
            event = attempt.nat.event
            if event.behind_nat == "unknown":
                continue
            claimed = f" (claimed: {', '.join(event.claimed)})" if event.claimed else ""
            return f"{event.behind_nat}{claimed}"
    return ""


def verdict(case: Case, conclusions: Sequence[Conclusion]) -> str:
    """Say in one sentence how the two are."""
    problems = [each for each in conclusions if each.weight == "problem"]
    both = len({each.sender for each in case.streams}) > 1
    if problems:
        return problems[0].title
    if both:
        return "the tunnel stands and carries in both directions"
    if case.streams:
        return "ESP is seen in one direction"
    if any(case.stands(spi) for spi in case.attempts):
        return "IKE stands; no ESP was seen"
    return "the key exchange is under way"
