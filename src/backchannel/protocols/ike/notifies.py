"""Notify types by name, and what their data say. Body in, words out.

Names: RFC 2408 §3.14.1 and RFC 2407 §4.6.3 for IKEv1, where errors are below 8192; IANA's
"IKEv2 Notify Message Types" for IKEv2, where they are below 16384 (RFC 7296 §3.10.1).
"""

from collections.abc import Callable
from ipaddress import ip_address

from backchannel.protocols.ike.algorithms import GROUPS
from backchannel.protocols.ike.numbers import (
    COOKIE,
    INVALID_KE,
    REDIRECT,
    REDIRECTED_FROM,
    SIGNATURE_HASH,
)
from backchannel.protocols.ike.registry import SIGNATURE_HASHES
from backchannel.protocols.ike.wire import Payloads
from backchannel.reader import Reader
from backchannel.text import decode

NOTIFIES = {
    1: "INVALID-PAYLOAD-TYPE",
    2: "DOI-NOT-SUPPORTED",
    3: "SITUATION-NOT-SUPPORTED",
    4: "INVALID-COOKIE",
    5: "INVALID-MAJOR-VERSION",
    6: "INVALID-MINOR-VERSION",
    7: "INVALID-EXCHANGE-TYPE",
    8: "INVALID-FLAGS",
    9: "INVALID-MESSAGE-ID",
    10: "INVALID-PROTOCOL-ID",
    11: "INVALID-SPI",
    12: "INVALID-TRANSFORM-ID",
    13: "ATTRIBUTES-NOT-SUPPORTED",
    14: "NO-PROPOSAL-CHOSEN",
    15: "BAD-PROPOSAL-SYNTAX",
    16: "PAYLOAD-MALFORMED",
    17: "INVALID-KEY-INFORMATION",
    18: "INVALID-ID-INFORMATION",
    19: "INVALID-CERT-ENCODING",
    20: "INVALID-CERTIFICATE",
    21: "CERT-TYPE-UNSUPPORTED",
    22: "INVALID-CERT-AUTHORITY",
    23: "INVALID-HASH-INFORMATION",
    24: "AUTHENTICATION-FAILED",
    25: "INVALID-SIGNATURE",
    26: "ADDRESS-NOTIFICATION",
    27: "NOTIFY-SA-LIFETIME",
    28: "CERTIFICATE-UNAVAILABLE",
    29: "UNSUPPORTED-EXCHANGE-TYPE",
    30: "UNEQUAL-PAYLOAD-LENGTHS",
    16384: "CONNECTED",
    24576: "RESPONDER-LIFETIME",
    24577: "REPLAY-STATUS",
    24578: "INITIAL-CONTACT",
    30000: "CISCO-HELLO",
    30001: "CISCO-WWTEBR",
    30002: "CISCO-SHUT-UP",
    32768: "IOS-KEEP-ALIVE-REQ",
    32769: "IOS-KEEP-ALIVE-ACK",
    36136: "R-U-THERE",
    36137: "R-U-THERE-ACK",
    40001: "NETSCREEN-NHTB-INFORM",
    40501: "UNITY-LOAD-BALANCE",
    40503: "UNITY-PRESHARED-KEY-HASH",
}

NOTIFIES_2 = {
    1: "UNSUPPORTED_CRITICAL_PAYLOAD",
    4: "INVALID_IKE_SPI",
    5: "INVALID_MAJOR_VERSION",
    7: "INVALID_SYNTAX",
    9: "INVALID_MESSAGE_ID",
    11: "INVALID_SPI",
    14: "NO_PROPOSAL_CHOSEN",
    17: "INVALID_KE_PAYLOAD",
    24: "AUTHENTICATION_FAILED",
    34: "SINGLE_PAIR_REQUIRED",
    35: "NO_ADDITIONAL_SAS",
    36: "INTERNAL_ADDRESS_FAILURE",
    37: "FAILED_CP_REQUIRED",
    38: "TS_UNACCEPTABLE",
    39: "INVALID_SELECTORS",
    40: "UNACCEPTABLE_ADDRESSES",
    41: "UNEXPECTED_NAT_DETECTED",
    42: "USE_ASSIGNED_HoA",
    43: "TEMPORARY_FAILURE",
    44: "CHILD_SA_NOT_FOUND",
    45: "INVALID_GROUP_ID",
    46: "AUTHORIZATION_FAILED",
    47: "STATE_NOT_FOUND",
    48: "TS_MAX_QUEUE",
    49: "REGISTRATION_FAILED",
    16384: "INITIAL_CONTACT",
    16385: "SET_WINDOW_SIZE",
    16386: "ADDITIONAL_TS_POSSIBLE",
    16387: "IPCOMP_SUPPORTED",
    16388: "NAT_DETECTION_SOURCE_IP",
    16389: "NAT_DETECTION_DESTINATION_IP",
    16390: "COOKIE",
    16391: "USE_TRANSPORT_MODE",
    16392: "HTTP_CERT_LOOKUP_SUPPORTED",
    16393: "REKEY_SA",
    16394: "ESP_TFC_PADDING_NOT_SUPPORTED",
    16395: "NON_FIRST_FRAGMENTS_ALSO",
    16396: "MOBIKE_SUPPORTED",
    16397: "ADDITIONAL_IP4_ADDRESS",
    16398: "ADDITIONAL_IP6_ADDRESS",
    16399: "NO_ADDITIONAL_ADDRESSES",
    16400: "UPDATE_SA_ADDRESSES",
    16401: "COOKIE2",
    16402: "NO_NATS_ALLOWED",
    16403: "AUTH_LIFETIME",
    16404: "MULTIPLE_AUTH_SUPPORTED",
    16405: "ANOTHER_AUTH_FOLLOWS",
    16406: "REDIRECT_SUPPORTED",
    16407: "REDIRECT",
    16408: "REDIRECTED_FROM",
    16409: "TICKET_LT_OPAQUE",
    16410: "TICKET_REQUEST",
    16411: "TICKET_ACK",
    16412: "TICKET_NACK",
    16413: "TICKET_OPAQUE",
    16414: "LINK_ID",
    16415: "USE_WESP_MODE",
    16416: "ROHC_SUPPORTED",
    16417: "EAP_ONLY_AUTHENTICATION",
    16418: "CHILDLESS_IKEV2_SUPPORTED",
    16419: "QUICK_CRASH_DETECTION",
    16420: "IKEV2_MESSAGE_ID_SYNC_SUPPORTED",
    16421: "IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED",
    16422: "IKEV2_MESSAGE_ID_SYNC",
    16423: "IPSEC_REPLAY_COUNTER_SYNC",
    16424: "SECURE_PASSWORD_METHODS",
    16425: "PSK_PERSIST",
    16426: "PSK_CONFIRM",
    16427: "ERX_SUPPORTED",
    16428: "IFOM_CAPABILITY",
    16429: "GROUP_SENDER",
    16430: "IKEV2_FRAGMENTATION_SUPPORTED",
    16431: "SIGNATURE_HASH_ALGORITHMS",
    16432: "CLONE_IKE_SA_SUPPORTED",
    16433: "CLONE_IKE_SA",
    16434: "PUZZLE",
    16435: "USE_PPK",
    16436: "PPK_IDENTITY",
    16437: "NO_PPK_AUTH",
    16438: "INTERMEDIATE_EXCHANGE_SUPPORTED",
    16439: "IP4_ALLOWED",
    16440: "IP6_ALLOWED",
    16441: "ADDITIONAL_KEY_EXCHANGE",
    16442: "USE_AGGFRAG",
    16443: "SUPPORTED_AUTH_METHODS",
    16444: "SA_RESOURCE_INFO",
    16445: "USE_PPK_INT",
    16446: "PPK_IDENTITY_KEY",
    40960: "NULL_AUTH",
    40961: "USE_BEET_MODE",
}

_MAX_TEXT = 256


def spi_at(version: int, payload: Payloads) -> int:
    """Return where in the octets of a notify its SPI stands. Four bytes in front of it are those of
    the protocol, the SPI's size and the number. Raises WireError where the notify is cut short.

    [domain of interpretation u32, IKEv1] | protocol u8 | SPI size u8 | number u16 | SPI | data
    """
    at, octets = payload.start + (8 if version == 1 else 4), payload.octets
    if at > payload.end or at + octets[at - 3] > payload.end:
        reader = Reader(payload.body())
        reader.skip(at - 4 - payload.start)
        _, size, _ = reader.u8(), reader.u8(), reader.u16()
        reader.skip(size)
    return at


def name(version: int, number: int) -> str:
    """Return a notify type's name."""
    return (NOTIFIES if version == 1 else NOTIFIES_2).get(number) or f"notify {number}"


def is_error(version: int, number: int) -> bool:
    """Say whether a notify of this number reports an error."""
    return 0 < number < (8192 if version == 1 else 16384)


def matters(version: int, number: int, answers: bool) -> bool:
    """Say whether more depends on a notify's `detail` than what is told of it: that it is cut
    short, or what follows for the SA where the message *answers* another.
    """
    if version != 2:
        return False
    return number in (REDIRECT, REDIRECTED_FROM) or (answers and number in (COOKIE, INVALID_KE))


def detail(version: int, number: int, data: bytes) -> str:
    """Return what the notify's *data* say, where they say something in clear; else nothing."""
    say = _DETAILS.get(number) if version == 2 else None
    return say(data) if say else ""


def _group_wanted(data: bytes) -> str:
    number = int.from_bytes(data[:2], "big")
    return GROUPS.get(number, f"group {number}") if len(data) >= 2 else ""


def _hashes(data: bytes) -> str:
    numbers = (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data[:64]) & ~1, 2))
    return ", ".join(SIGNATURE_HASHES.get(number, str(number)) for number in numbers)


def _cookie(data: bytes) -> str:
    return f"{len(data)} bytes"


def gateway(data: bytes) -> str:
    """Return the gateway that a redirect names: RFC 5685 §7.

    Raises WireError where it is cut short.

        identity type u8: 1 IPv4, 2 IPv6, 3 FQDN | length u8 | identity | nonce
    """
    reader = Reader(data)
    kind, size = reader.u8(), reader.u8()
    identity = reader.take(size)
    if (kind, size) in ((1, 4), (2, 16)):
        return str(ip_address(identity))
    return decode(identity[:_MAX_TEXT])


_DETAILS: dict[int, Callable[[bytes], str]] = {
    INVALID_KE: _group_wanted,
    COOKIE: _cookie,
    REDIRECT: gateway,
    REDIRECTED_FROM: gateway,
    SIGNATURE_HASH: _hashes,
}
