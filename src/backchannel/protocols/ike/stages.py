"""How far an SA came with a message: what the message is, to steps forward.

What is encrypted can only be guessed from who sends what after whom, so the steps say no more than
that: an IKE_AUTH response answers the authentication, and only what follows shows that it was
granted.
"""

from collections.abc import Sequence

from backchannel.protocols.ike import registry
from backchannel.protocols.ike.association import KEPT_QUICK, Association, Step
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
    INTERMEDIATE,
    MAIN,
    NOTIFY,
    QUICK,
    SA_INIT,
    SESSION_RESUME,
    SK,
    SKF,
)
from backchannel.protocols.ike.reading import Reading
from backchannel.protocols.ike.wire import Payloads

_NONE: tuple[Step, ...] = ()
_INITIATED = (("initiated", ""),)
_AUTHENTICATING = (("authenticating", ""),)
_INTERMEDIATE = (("authenticating", "IKE_INTERMEDIATE"),)  # RFC 9242: what must come before
_AUTHENTICATION_ANSWERED = (("authentication-answered", ""),)
_REFUSED = (("authentication-answered", "Notify alone"),)
"""Who grants it tells an identity, EAP or the authentication (RFC 7296, appendix C). Some put a
notification before these, as libreswan does, but no grant is so small."""
_ALONE = 96
"""Bytes of a message with a notification alone at most: 32 of headers, a vector and a padded block
of 16 each, and 32 of a checksum."""


def steps(reading: Reading, seen: Payloads) -> Sequence[Step]:
    """Return where the message *reading* brings the SA, whose payloads were *seen* to the last."""
    if reading.header.version == 1:
        return _step_1(reading, seen)
    return _step_2(reading, seen)


def _step_2(reading: Reading, seen: Payloads) -> Sequence[Step]:
    header, association = reading.header, reading.association
    request = not header.answers
    inside = seen.next if seen.count and seen.kind in (SK, SKF) else 0
    association.parted = not request and _ends(association, reading.side, header.message_id)
    if header.exchange in (SA_INIT, SESSION_RESUME):
        if request:
            return _INITIATED
        return ((reading.answer, reading.detail),) if reading.answer else _NONE
    if header.exchange == INTERMEDIATE:
        return _INTERMEDIATE if request else _NONE
    if header.exchange == AUTH:
        if reading.answer:  # an error in clear: nobody can know its sender, so it proves little
            return ((reading.answer, reading.detail),)
        if request:
            return _AUTHENTICATING
        alone = inside == NOTIFY and header.length <= _ALONE
        return _REFUSED if alone else _AUTHENTICATION_ANSWERED
    steps: list[Step] = []
    if request and association.stage[0] == "authenticating":  # its answer was not seen
        steps.extend(_AUTHENTICATION_ANSWERED)
    if not request and _shows_up(reading, seen, inside):
        steps.append(("established", ""))
    later = inside == 0 and seen.count > 0 and seen.kind == SKF  # RFC 7383 §2.5
    if request and header.exchange == CREATE_CHILD and not later:
        first = registry.payload(2, inside) if inside else "nothing known"
        steps.append(("rekeying", f"{first} first"))
    if request and inside == DELETE:
        steps.append(("deleting", ""))
    if request and inside in (DELETE, NOTIFY) and header.exchange == INFORMATIONAL:
        _part(association, reading.side, header.message_id)
    return steps


def _part(association: Association, side: int, message_id: int) -> None:
    if association.farewell is None:
        association.farewell = {}
    association.farewell[side] = message_id


def _ends(association: Association, side: int, message_id: int) -> bool:
    """Say whether an answer of *side* is one to a message that may end the SA."""
    said = association.farewell
    return said is not None and said.get(1 - side) == message_id


def _shows_up(reading: Reading, seen: Payloads, inside: int) -> bool:
    """Say whether an answer shows that the SA is up. One in clear does not: anybody may send it,
    as a gateway does that has forgotten the SA (RFC 7296 §1.5). Nor does an empty one to a delete,
    or to a notification, with which an initiator refuses the other's authentication (§2.21.2).
    """
    header = reading.header
    if header.exchange not in (CREATE_CHILD, INFORMATIONAL) or not seen.count:
        return False
    if seen.kind not in (SK, SKF):
        return False
    return inside != 0 or not _ends(reading.association, reading.side, header.message_id)


def _step_1(reading: Reading, seen: Payloads) -> Sequence[Step]:
    header, association = reading.header, reading.association
    if header.exchange in (QUICK, AUTHIP_QUICK):
        return _quick(association, reading.side, header.message_id)
    if reading.answer:
        return ((reading.answer, reading.detail),)
    if header.exchange not in (BASE, MAIN, AGGRESSIVE, AUTHIP_MAIN):
        return _NONE
    if header.encrypted or (header.exchange == AGGRESSIVE and _has(seen, HASH_1)):
        return _AUTHENTICATING if reading.sender != "responder" else _AUTHENTICATION_ANSWERED
    return _INITIATED if header.opens else _NONE


def _has(seen: Payloads, kind: int) -> bool:
    seen.again()
    while seen.step():
        if seen.kind == kind:
            return True
    return False


def _quick(association: Association, side: int, message_id: int) -> Sequence[Step]:
    """Quick mode begins when the first phase is done, and is done itself at its third message."""
    if association.quick is None:
        association.quick = {}
    quick = association.quick
    fresh = message_id not in quick
    if fresh and len(quick) >= KEPT_QUICK:
        del quick[next(iter(quick))]
    spoken = quick.setdefault(message_id, [])
    if not spoken or spoken[-1] != side:
        spoken.append(side)
    up = association.stage[0] == "established"
    steps = [("rekeying", "quick mode")] if fresh and up else [("authentication-answered", "")]
    if len(spoken) == 3:
        del spoken[:]
        steps.append(("established", ""))
    return steps
