"""Whether the tunnel carries: ESP of both directions, what is missing, what comes too late."""

from collections.abc import Iterator
from ipaddress import ip_address

from backchannel.diagnose.asking import PATIENCE, SECOND, objections
from backchannel.diagnose.cases import Case, Found, evidence
from backchannel.diagnose.document import Certainty, Evidence, Weight
from backchannel.diagnose.facts import WINDOWS, Attempt, Stream, source
from backchannel.protocols.esp.events import EspTraffic
from backchannel.protocols.ike.events import NatDetection
from backchannel.report.words import count

ENOUGH = 3
"""Packets one way that speak for themselves."""
MISSING = 5
SHARE = 0.01
"""Packets, and the part of all, that may be missing."""
FEW_LATE = 3
SELECTED = 88
"""Bytes of an association, and two traffic selectors, in the least answer that grants a tunnel: 40
and twice 24 (RFC 7296 §3.3, §3.13)."""
_STALE = frozenset({"INVALID_SPI", "INVALID_IKE_SPI", "INVALID-SPI", "INVALID-COOKIE"})


def find(case: Case) -> Iterator[Found]:
    """Yield what keeps a tunnel from carrying."""
    yield from _stale(case)
    if not case.streams:
        yield from _no_child(case)
        return
    if not case.attempts:
        yield Found(
            "esp-without-ike",
            "certain",
            [evidence(_counted(case.streams), _frames(case.streams))],
            when=case.streams[0].first_frame,
        )
    yield from _one_way(case)
    yield from _ceased(case)
    for stream in case.streams:
        yield from _figures(stream)


def _counted(streams: list[Stream]) -> str:
    packets = sum(stream.packets for stream in streams)
    return f"{packets:,} packets of ESP in {count(len(streams), 'association')}"


def _frames(streams: list[Stream]) -> tuple[int, ...]:
    return tuple(stream.first_frame for stream in streams)


# -- none, or one direction --------------------------------------------------------------------


def _no_child(case: Case) -> Iterator[Found]:
    standing = [spi for spi in case.attempts if case.stands(spi)]
    for spi in standing[-1:]:
        attempt = case.attempts[spi]
        answered = [
            question
            for question in case.asked[spi]
            if question.exchange in {"IKE_AUTH", "Quick Mode"} and question.answers
        ]
        if not answered:
            yield from _objected(case, attempt)
            continue
        question = answered[-1]
        answer = question.answers[-1]
        size, asked = question.answer, question.whole
        told = {"asker": attempt.initiator, "answerer": attempt.responder}
        small = attempt.version == 2 and question.answered_whole and asked - size >= SELECTED
        because = [
            evidence(f"{question.exchange} was answered", [question.last, answer]),
            evidence("no packet of ESP, by itself or in UDP, between the two"),
        ]
        if small:
            because.append(
                evidence(
                    f"the answer has {asked - size} bytes less than the question ({size} "
                    f"{asked}), as where it holds neither association nor selectors",
                    [answer],
                )
            )
        late = case.end - answer.time >= PATIENCE
        weight: Weight = "problem" if small else "warning" if late else "note"
        certainty: Certainty = "likely" if small else "possible"
        yield Found("no-child", certainty, because, told, answer.frame, weight)


def _objected(case: Case, attempt: Attempt) -> Iterator[Found]:
    """IKEv1: quick mode is answered by a notification."""
    for question in case.asked[attempt.spi]:
        told = objections(attempt, question) if attempt.version == 1 else []
        if question.exchange == "Quick Mode" and told:
            because = [
                evidence("Quick Mode was asked for", question.asked),
                evidence("an encrypted notification is the answer", told),
                evidence("no packet of ESP, by itself or in UDP, between the two"),
            ]
            words = {"asker": attempt.initiator, "answerer": attempt.responder}
            yield Found("no-child", "likely", because, words, question.first.frame)
            return


def _one_way(case: Case) -> Iterator[Found]:
    senders = {stream.sender for stream in case.streams}
    packets = sum(stream.packets for stream in case.streams)
    if len(senders) != 1 or packets < ENOUGH:
        return
    first = case.streams[0]
    if ip_address(first.receiver).is_multicast:
        return  # a group, which never sends
    told = {"sender": first.sender, "receiver": first.receiver, "asker": first.sender}
    heard = [
        seen
        for attempt in case.attempts.values()
        for seen in attempt.messages
        if source(seen).address == first.receiver
    ]
    if not heard:
        name = "one-direction-captured"
        because = [evidence(f"nothing at all that {first.receiver} sent is in the capture")]
        yield Found(name, "certain", because, told, first.first_frame)
        return
    because = [
        evidence(f"{_counted(case.streams)} from {first.sender}", _frames(case.streams)),
        evidence(f"IKE of {first.receiver} is seen", heard[-1:]),
        evidence(f"no packet of ESP from {first.receiver}"),
    ]
    plain = first.carrier == "ip"
    if plain:
        because += _why_plain(case)
    yield Found(
        "plain-esp-dropped" if plain else "esp-one-way", "likely", because, told, first.first_frame
    )


def _ceased(case: Case) -> Iterator[Found]:
    """ESP of both ends, and then of one only. Traffic that goes one way looks so too."""
    latest: dict[str, int] = {}
    for stream in case.streams:
        latest[stream.sender] = max(latest.get(stream.sender, 0), stream.last)
    if len(latest) != 2:
        return
    silent, goes_on = sorted(latest, key=lambda each: latest[each])
    since = latest[silent]
    later = [
        (time, frame)
        for stream in case.streams
        if stream.sender == goes_on
        for time, frame in zip(stream.times, stream.frames, strict=True)
        if time > since
    ]
    if len(later) < MISSING or latest[goes_on] - since < PATIENCE:
        return
    frames = tuple(frame for _, frame in sorted(later))
    seconds = (latest[goes_on] - since) / SECOND
    text = f"{len(later):,} packets of {goes_on} within {seconds:.1f} s since the last of {silent}"
    told = {"sender": goes_on, "receiver": silent}
    yield Found("esp-ceased", "possible", [evidence(text, frames)], told, frames[0])


def _why_plain(case: Case) -> list[Evidence]:
    for attempt in case.attempts.values():
        if attempt.nat is not None and isinstance(attempt.nat.event, NatDetection):
            word = attempt.nat.event.behind_nat
            return [evidence(f"by the hashes of addresses, behind a NAT: {word}", [attempt.nat])]
    return (
        [evidence("neither end sent hashes of addresses (NAT detection)")] if case.attempts else []
    )


# -- figures -----------------------------------------------------------------------------------


def _figures(stream: Stream) -> Iterator[Found]:
    told = {"sender": stream.sender, "receiver": stream.receiver}
    figures = stream.figures
    if figures is not None and figures.resets:
        return
    if figures is not None:
        yield from _counts(stream, figures, told)
    replayed = figures.replayed if figures is not None else 0
    late, later = (number - replayed for number in stream.too_late)
    if late >= FEW_LATE:
        at = 1 if later >= FEW_LATE else 0
        told |= {"window": str(WINDOWS[at]), "late": f"{stream.too_late[at]:,}"}
        text = (
            f"association {stream.spi}: {stream.too_late[0]:,} packets came 32 numbers or more "
            f"behind the highest, {stream.too_late[1]:,} came 64 or more, the latest "
            f"{stream.lateness:,}"
        )
        because = [evidence(text, (stream.late_frame,))]
        yield Found("replay-window", "likely", because, told, stream.late_frame)


def _counts(stream: Stream, figures: EspTraffic, told: dict[str, str]) -> Iterator[Found]:
    """What is missing, and what came again, by scan's decoder."""
    missing = figures.missing
    share = missing / max(1, missing + figures.packets)
    if missing >= MISSING and share >= SHARE:
        text = (
            f"association {stream.spi}: {figures.packets:,} packets seen, {missing:,} numbers "
            f"between {figures.first} and {figures.last} not"
        )
        because = [evidence(text, (stream.first_frame, stream.last_frame), stream.first)]
        words = told | {"percent": f"{100 * share:.1f} %"}
        yield Found("esp-lost", "likely", because, words, stream.first_frame)
    if figures.replayed >= MISSING:
        text = f"association {stream.spi}: {figures.replayed:,} packets came again"
        because = [evidence(text, (stream.first_frame,), stream.first)]
        yield Found("esp-replayed", "certain", because, dict(told), stream.first_frame)


def _stale(case: Case) -> Iterator[Found]:
    for attempt in case.attempts.values():
        for seen in attempt.notifies:
            name = str(seen.event.name)  # type: ignore[attr-defined]
            if name in _STALE:
                receiver = source(seen).address
                yield Found(
                    "stale-association",
                    "likely",
                    [evidence(f"{name} from {receiver}, in clear", [seen])],
                    {"sender": _other(attempt, receiver), "receiver": receiver},
                    seen.frame,
                )


def _other(attempt: Attempt, address: str) -> str:
    return attempt.responder if attempt.initiator == address else attempt.initiator
