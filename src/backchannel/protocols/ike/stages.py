"""How far an SA came with a message: what the message is, to steps forward.

What is encrypted can only be guessed from who sends what after whom, so the steps say no more than
that: an IKE_AUTH response answers the authentication, and only what follows shows that it was
granted.
"""

from typing import TypeAlias

from backchannel.model import Side
from backchannel.protocols.ike import registry, wire
from backchannel.protocols.ike.association import QUICK, Association
from backchannel.protocols.ike.reading import Reading
from backchannel.protocols.ike.wire import Payload

Step: TypeAlias = tuple[str, str]
"""A stage of `IkeStage`, and its detail."""
DELETE = 42
_PHASE_1 = (wire.BASE, wire.MAIN, wire.AGGRESSIVE, wire.AUTHIP_MAIN)
REPEATED = frozenset({"rekeying", "deleting"})
"""Stages that are told each time; all others are told once."""


def steps(reading: Reading, side: Side, seen: list[Payload]) -> list[Step]:
    """Return where the message *reading*, sent by *side* with payloads *seen*, brings the SA."""
    if reading.header.version == 1:
        return _step_1(reading, side, seen)
    return _step_2(reading, seen)


def _step_2(reading: Reading, seen: list[Payload]) -> list[Step]:
    header = reading.header
    request = not header.response
    last = seen[-1] if seen else None
    inside = last.next if last is not None and last.kind in (wire.SK, wire.SKF) else 0
    if header.exchange in (wire.SA_INIT, wire.SESSION_RESUME):
        if request:
            return [("initiated", "")]
        return [(reading.answer, reading.detail)] if reading.answer else []
    if header.exchange == wire.AUTH:
        if reading.answer:  # an error in clear: nobody can know its sender, so it proves little
            return [(reading.answer, reading.detail)]
        return [("authenticating" if request else "authentication-answered", "")]
    steps: list[Step] = []
    if not request and header.exchange in (wire.CREATE_CHILD, wire.INFORMATIONAL):
        steps.append(("established", ""))
    if request and header.exchange == wire.CREATE_CHILD:
        first = registry.payload(2, inside) if inside else "nothing known"
        steps.append(("rekeying", f"{first} first"))
    if request and inside == DELETE:
        steps.append(("deleting", ""))
    return steps


def _step_1(reading: Reading, side: Side, seen: list[Payload]) -> list[Step]:
    header, association = reading.header, reading.association
    if header.exchange in (wire.QUICK, wire.AUTHIP_QUICK):
        return _quick(association, side, header.message_id)
    if reading.answer:
        return [(reading.answer, reading.detail)]
    if header.exchange not in _PHASE_1:
        return []
    if header.encrypted or (header.exchange == wire.AGGRESSIVE and any(p.kind == 8 for p in seen)):
        word = "authenticating" if reading.sender != "responder" else "authentication-answered"
        return [(word, "")]
    return [("initiated", "")] if header.opens else []


def _quick(association: Association, side: Side, message_id: int) -> list[Step]:
    """Quick mode begins when the first phase is done, and is done itself at its third message."""
    fresh = message_id not in association.quick
    if fresh and len(association.quick) >= QUICK:
        del association.quick[next(iter(association.quick))]
    spoken = association.quick.setdefault(message_id, [])
    if not spoken or spoken[-1] is not side:
        spoken.append(side)
    up = association.stage[0] == "established"
    steps = [("rekeying", "quick mode")] if fresh and up else [("authentication-answered", "")]
    if len(spoken) == 3:
        del spoken[:]
        steps.append(("established", ""))
    return steps
