"""Whose calls are these? STUN is the same for all; a few services show in their own attributes,
methods or names.

    Microsoft, ICE    IMPLEMENTATION-VERSION 0x8070: 7 is Teams'; up to 3 Skype's and Skype for
                      Business', as [MS-ICE2] describes
    Microsoft, TURN   0x000F first, with its own cookie, and MS-VERSION 0x8008: 6 is Teams'
    WhatsApp          methods 0x200 to 0x205; ALLOCATE with 0x4000, answered with 0x4002: of Meta's
                      relays, which Messenger asks too, by transactions that are base64
    others            the realm of their relays

Microsoft's TURN and WhatsApp's earlier clients pad no attributes, so that `wire.read` refuses
them. Google's attributes (0xC057 ...) are any WebRTC's and name nobody.
"""

from typing import Literal, TypeAlias

from backchannel.protocols.stun.wire import (
    ALLOCATE,
    BINDING,
    HEADER,
    INDICATION,
    MOST,
    REALM,
    REQUEST,
    REQUESTED_TRANSPORT,
    SUCCESS,
    Message,
    has_cookie,
)

Sign: TypeAlias = Literal["microsoft-ice", "microsoft-turn", "whatsapp", "realm", "socket"]
VENDORS = (
    ((0xC057, 0xC058, 0xC059, 0xC05B), "Google"),
    ((0x8008, 0x8050, 0x8054, 0x8070), "Microsoft"),
)
"""Attributes in IANA's registry, and in [MS-TURN] and [MS-ICE2]."""
Owner: TypeAlias = tuple[str, Sign]
"""The service whose call it is, and what shows it."""
WHATSAPP = "whatsapp"
_ICE: tuple[Owner, Owner] = ("skype", "microsoft-ice"), ("teams", "microsoft-ice")
_TURN: tuple[Owner, Owner] = ("skype", "microsoft-turn"), ("teams", "microsoft-turn")
_WHATSAPP: Owner = WHATSAPP, "whatsapp"
_REALMS: dict[bytes, Owner] = {
    b"signal.org": ("signal", "realm"),
    b"whispersystems.org": ("signal", "realm"),
    b"telegram.org": ("telegram", "realm"),
}
_ICE_VERSION, _TURN_VERSION, _TOKEN, _RELAYED = 0x8070, 0x8008, 0x4000, 0x4002
_OF_SKYPE, _OF_TEAMS = 3, 6
"""The last version of ICE before Teams, and the first of TURN with it."""
MARK = b"\0\x0f\0\x04\x72\xc6\x4b\xc6"
"""The attribute that comes first in Microsoft's TURN."""
_DATA = 0x15
"""With 1 before it, Microsoft's indication of data: an error's number by the standard."""
_VERSION_BIT = 1 << (_ICE_VERSION & 63)
_OWN = range(0x200, 0x206)
"""Methods of Meta's relays."""
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
"""What WebRTC's library makes transactions of; WhatsApp has a library of its own."""


def owner(message: Message) -> Owner | None:
    """Return whose call *message* belongs to; None where it could be anybody's."""
    if message.types & _VERSION_BIT and message.has(_ICE_VERSION):
        return _ICE[message.number(_ICE_VERSION, 4) > _OF_SKYPE]
    method = message.method
    if method == BINDING:
        return None
    if method in _OWN:
        return None if _is_webrtc(message.data) else _WHATSAPP
    if method == ALLOCATE and not message.has(REQUESTED_TRANSPORT):
        if message.has(_TOKEN) or (message.kind == SUCCESS and message.has(_RELAYED)):
            return None if _is_webrtc(message.data) else _WHATSAPP
        if message.data[HEADER : HEADER + 8] == MARK and message.has(_TURN_VERSION):
            return _TURN[message.number(_TURN_VERSION, 4) >= _OF_TEAMS]
    realm = message.value(REALM)
    return _REALMS.get(realm) if realm else None


def _is_webrtc(data: bytes) -> bool:
    """Whether a message's transaction is of WebRTC's form; others by chance once in 17 million."""
    return _BASE64.issuperset(data[8:HEADER])


def vendor(message: Message) -> str:
    """Return whose attributes a message has."""
    for own, name in VENDORS:
        for each in own:
            if message.has(each):
                return name
    return ""


def read_unpadded(data: bytes) -> tuple[Owner, int] | None:
    """Return whose a message is that `wire.read` refuses, Microsoft's or WhatsApp's, and whether it
    is a REQUEST, INDICATION, SUCCESS or ERROR; None for others.
    """
    octets, size = data, len(data)
    if size < HEADER:
        return None
    first, second = octets[0], octets[1]
    if first == 8 and second < len(_OWN) and has_cookie(data):  # probes: all but the header is fill
        return None if _is_webrtc(data) else (_WHATSAPP, REQUEST)
    if first > 1 or size - HEADER != octets[2] << 8 | octets[3] or size < HEADER + 8:
        return None
    kind = (first & 1) << 1 | (second & 0x10) >> 4
    if second == _DATA:
        kind = INDICATION
    if data[HEADER : HEADER + 8] == MARK:
        version = _turn_version(data)
        return (_TURN[version >= _OF_TEAMS], kind) if version else None
    token = octets[HEADER] << 8 | octets[HEADER + 1] == _TOKEN and second == ALLOCATE and not first
    token = token and not _is_webrtc(data)
    length = octets[HEADER + 2] << 8 | octets[HEADER + 3]
    return (_WHATSAPP, kind) if token and length == size - HEADER - 4 else None


def _turn_version(data: bytes) -> int:
    """Return the version in a message of Microsoft's TURN; 1, the first, where it has none, and 0
    where the attributes do not fill it to the last byte.
    """
    octets, size, at, version, left = data, len(data), HEADER, 1, MOST
    while size - at >= 4 and left:
        left -= 1
        name, length = octets[at] << 8 | octets[at + 1], octets[at + 2] << 8 | octets[at + 3]
        if name == _TURN_VERSION and length == 4 and size - at >= 8:
            version = octets[at + 7]
        at += 4 + length
    return version if at == size else 0


MULTIPLEXED = 12
"""Bytes before what is in a frame of a multiplexed stream of Microsoft's ([MS-TURN] 2.2.3)."""


def is_multiplexed(data: bytes) -> bool:
    """Whether *data* is such a frame: ff 10, a length, and the stream's number of 8 bytes."""
    octets, size = data, len(data)
    return (
        size > MULTIPLEXED
        and octets[0] == 0xFF
        and octets[1] == 0x10
        and octets[2] << 8 | octets[3] == size - 4
    )
