"""How far an SA came with a message: what the message is, to steps forward.

What is encrypted can only be guessed from who sends what after whom, so the steps say no more than
that: an IKE_AUTH response answers the authentication, and only what follows shows that it was
granted.
"""

from typing import TypeAlias

from backchannel.protocols.ike import registry
from backchannel.protocols.ike.association import KEPT_QUICK, Association
from backchannel.protocols.ike.numbers import (
    AGGRESSIVE,
    AUTH,
    AUTHIP_MAIN,
    AUTHIP_QUICK,
    BASE,
    CREATE_CHILD,
    DELETE,
    HASH_1,
    INFORMATIONAL,
    MAIN,
    QUICK,
    SA_INIT,
    SESSION_RESUME,
    SK,
    SKF,
)
from backchannel.protocols.ike.reading import Reading
from backchannel.protocols.ike.wire import Payload

Step: TypeAlias = tuple[str, str]
"""A stage of `IkeStage`, and its detail."""
REPEATED = frozenset({"rekeying", "deleting"})
"""Stages that are told each time; all others are told once."""


def steps(reading: Reading, seen: list[Payload]) -> list[Step]:
    """Return where the message *reading* with payloads *seen* brings the SA."""
    if reading.header.version == 1:
        return _step_1(reading, seen)
    return _step_2(reading, seen)


def _step_2(reading: Reading, seen: list[Payload]) -> list[Step]:
    header = reading.header
    request = not header.answers
    last = seen[-1] if seen else None
    inside = last.next if last is not None and last.kind in (SK, SKF) else 0
    if header.exchange in (SA_INIT, SESSION_RESUME):
        if request:
            return [("initiated", "")]
        return [(reading.answer, reading.detail)] if reading.answer else []
    if header.exchange == AUTH:
        if reading.answer:  # an error in clear: nobody can know its sender, so it proves little
            return [(reading.answer, reading.detail)]
        return [("authenticating" if request else "authentication-answered", "")]
    steps: list[Step] = []
    if not request and header.exchange in (CREATE_CHILD, INFORMATIONAL):
        steps.append(("established", ""))
    later = inside == 0 and last is not None and last.kind == SKF  # RFC 7383 §2.5
    if request and header.exchange == CREATE_CHILD and not later:
        first = registry.payload(2, inside) if inside else "nothing known"
        steps.append(("rekeying", f"{first} first"))
    if request and inside == DELETE:
        steps.append(("deleting", ""))
    return steps


def _step_1(reading: Reading, seen: list[Payload]) -> list[Step]:
    header, association = reading.header, reading.association
    if header.exchange in (QUICK, AUTHIP_QUICK):
        return _quick(association, reading.side, header.message_id)
    if reading.answer:
        return [(reading.answer, reading.detail)]
    if header.exchange not in (BASE, MAIN, AGGRESSIVE, AUTHIP_MAIN):
        return []
    if header.encrypted or (header.exchange == AGGRESSIVE and _has(seen, HASH_1)):
        word = "authenticating" if reading.sender != "responder" else "authentication-answered"
        return [(word, "")]
    return [("initiated", "")] if header.opens else []


def _has(seen: list[Payload], kind: int) -> bool:
    return any(payload.kind == kind for payload in seen)


def _quick(association: Association, side: int, message_id: int) -> list[Step]:
    """Quick mode begins when the first phase is done, and is done itself at its third message."""
    fresh = message_id not in association.quick
    if fresh and len(association.quick) >= KEPT_QUICK:
        del association.quick[next(iter(association.quick))]
    spoken = association.quick.setdefault(message_id, [])
    if not spoken or spoken[-1] != side:
        spoken.append(side)
    up = association.stage[0] == "established"
    steps = [("rekeying", "quick mode")] if fresh and up else [("authentication-answered", "")]
    if len(spoken) == 3:
        del spoken[:]
        steps.append(("established", ""))
    return steps
