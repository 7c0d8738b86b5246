"""What else the key exchange shows: groups, lifetimes, hashes, Windows, packets too big."""

from collections.abc import Iterator

from backchannel.diagnose.asking import Question
from backchannel.diagnose.cases import Case, Found, evidence
from backchannel.diagnose.facts import Attempt, source
from backchannel.diagnose.reach import TOO_BIG, refusal
from backchannel.diagnose.refused import offer, stage
from backchannel.engine.observation import Observation
from backchannel.protocols.ike.events import IkeMessage, NatDetection
from backchannel.text import escape


def find(case: Case) -> Iterator[Found]:
    """Yield what is worth a word besides."""
    for spi, attempt in case.attempts.items():
        yield from _notes(case, attempt, case.asked[spi])
    yield from _hashes(case)
    yield from _windows(case)
    yield from _oversize(case)


def _notes(case: Case, attempt: Attempt, asked: list[Question]) -> Iterator[Found]:
    ends = {"asker": attempt.initiator, "answerer": attempt.responder}
    for seen in attempt.notifies:
        event = seen.event
        if event.name == "INVALID_KE_PAYLOAD":  # type: ignore[attr-defined]
            told = ends | {"group": escape(str(event.detail))}  # type: ignore[attr-defined]
            yield Found(
                "new-group", "certain", [evidence("INVALID_KE_PAYLOAD", [seen])], told, seen.frame
            )
    for seen in attempt.stages:
        if stage(seen).stage == "redirected":
            told = ends | {"gateway": escape(stage(seen).detail.removeprefix("to "))}
            because = [evidence(f"REDIRECT of {source(seen).address}", [seen])]
            yield Found("redirected", "certain", because, told, seen.frame)
    if attempt.version == 1:
        yield from _lifetimes(attempt, ends)
    if attempt.nat is None and attempt.answered and case.stands(attempt.spi):
        yield from _undetected(attempt, asked, ends)


def _hashes(case: Case) -> Iterator[Found]:
    """No hash of any attempt is that of an address seen here."""
    seen = [each.nat for each in case.attempts.values() if each.nat is not None]
    if not seen or any(_nat(each).behind_nat != "unknown" for each in seen):
        return
    told = [evidence(f"{len(_nat(seen[0]).hashes)} hashes, none of an address seen here", seen)]
    yield Found("nat-unknown", "certain", told, when=seen[0].frame)


def _nat(seen: Observation) -> NatDetection:
    assert isinstance(seen.event, NatDetection)
    return seen.event


def _undetected(attempt: Attempt, asked: list[Question], ends: dict[str, str]) -> Iterator[Found]:
    """No hashes at all: a translated port shows that there is a NAT."""
    first = attempt.messages[0]
    opened = isinstance(first.event, IkeMessage) and not first.event.responder_spi
    port = source(first).port
    if not opened or port in {500, 4500, 848} or not asked or asked[0].target.port != 500:
        return
    yield Found(
        "nat-not-detected",
        "likely",
        [
            evidence(f"the key exchange comes from port {port}, which a NAT chose", [first]),
            evidence("neither end sent hashes of addresses (NAT detection)"),
        ],
        ends,
        first.frame,
    )


def _lifetimes(attempt: Attempt, ends: dict[str, str]) -> Iterator[Found]:
    offers = [seen for seen in attempt.proposals if not offer(seen).chosen]
    choices = [seen for seen in attempt.proposals if offer(seen).chosen]
    for first, choice in zip(offers[:1], choices[:1], strict=False):
        asked = {suite.seconds for suite in offer(first).suites if suite.seconds}
        got = {suite.seconds for suite in offer(choice).suites if suite.seconds}
        if asked and got and not got & asked:
            told = ends | {"offered": _seconds(asked), "chosen": _seconds(got)}
            because = [
                evidence(f"offered {told['offered']}, chosen {told['chosen']}", [first, choice])
            ]
            yield Found("lifetimes-differ", "certain", because, told, first.frame)


def _seconds(values: set[int]) -> str:
    return ", ".join(f"{value:,} s" for value in sorted(values))


def _windows(case: Case) -> Iterator[Found]:
    for attempt in case.attempts.values():
        nat = attempt.nat
        if nat is None:
            continue
        names = attempt.vendors.get(attempt.initiator, ())
        behind = _nat(nat).behind_nat in {"responder", "both"}
        if behind and attempt.version == 1 and any(name.startswith("MS NT5") for name in names):
            came = case.stands(attempt.spi) and len({stream.sender for stream in case.streams}) > 1
            yield Found(
                "windows-nat-rule",
                "likely" if not came else "possible",
                [
                    evidence(
                        f"{attempt.initiator} names itself {escape(', '.join(names))}",
                        attempt.messages[:1],
                    ),
                    evidence(f"by the hashes {attempt.responder} is behind a NAT", [nat]),
                ],
                {"asker": attempt.initiator, "answerer": attempt.responder},
                nat.frame,
                weight="note" if came else None,
            )


def _oversize(case: Case) -> Iterator[Found]:
    for pair in case.pairs:
        big = [seen for seen in pair.refusals if refusal(seen).reason == TOO_BIG]
        if big:
            told = {"refuser": source(big[0]).address, "mtu": str(refusal(big[0]).mtu)}
            yield Found(
                "too-big", "certain", [evidence("ICMP: packet too big", big)], told, big[0].frame
            )
