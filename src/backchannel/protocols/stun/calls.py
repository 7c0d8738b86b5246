"""What goes over a call's flow beside STUN: media, DTLS, and what RFC 7983 tells by the first byte.

Media is left to `rtp`'s session; of DTLS the first hello is read for its version and SRTP profiles.
Held: what that session says of itself.
"""

from typing import Literal, TypeAlias, get_args

from msgspec.structs import replace

from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.rtp.events import MediaStream
from backchannel.protocols.rtp.session import Session as Media
from backchannel.protocols.rtp.session import within
from backchannel.protocols.rtp.wire import is_packet
from backchannel.protocols.stun.events import StunCarries
from backchannel.reader import Reader, WireError

Kind: TypeAlias = Literal["dtls", "media", "zrtp", "channel-data", "other"]
_VERSIONS = {b"\xfe\xff": "1.0", b"\xfe\xfd": "1.2"}
_HANDSHAKE, _CLIENT_HELLO = 22, 1
_USE_SRTP, _VERSIONS_EXTENSION = 14, 43
PROFILES = {
    1: "AES128_CM_HMAC_SHA1_80",
    2: "AES128_CM_HMAC_SHA1_32",
    7: "AEAD_AES_128_GCM",
    8: "AEAD_AES_256_GCM",
}
ZRTP = b"ZRTP"
_BITS = {kind: 1 << at for at, kind in enumerate(get_args(Kind))}


def kind_of(data: bytes) -> Kind:
    """Say what a datagram is that is no STUN."""
    octets, size = data, len(data)
    if size > 1 and 0x80 <= octets[0] < 0xC0:
        if 0xC0 <= octets[1] < 0xE0 or is_packet(data):
            return "media"
    elif size and 20 <= octets[0] < 64 and data[1:3] in _VERSIONS:
        return "dtls"
    return "zrtp" if data[4:8] == ZRTP else "other"


class Calls:
    """One flow's calls."""

    def __init__(self, service: str, accounts: tuple[str, ...]) -> None:
        self._service, self._accounts = service, accounts
        self._media: Media | None = None
        self._told = 0
        """A bit for each kind."""

    def add(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side* that is no STUN."""
        kind = kind_of(data)
        told: list[Output] = []
        bit = _BITS[kind]
        if not self._told & bit:
            self._told |= bit
            detail = hello(data) if kind == "dtls" else ""
            told.append(StunCarries(kind=kind, detail=detail))
        if kind != "media":
            return told
        if self._media is None:
            # announced: STUN has shown that this is a call's flow, so nothing refutes it
            self._media = within(self._service, self._accounts)
        heard = self._media.feed(side, data)
        return told + heard if told else heard

    def end(self, side: Side) -> list[Output]:
        """Sum up what *side* sent."""
        return self._media.end(side) if self._media is not None else []

    def leave(self, side: Side) -> list[Output]:
        """Sum up what *side* sent so far."""
        return [
            replace(event, state="counted") if isinstance(event, MediaStream) else event
            for event in self.end(side)
        ]


def hello(data: bytes) -> str:
    """Return a DTLS client hello's version and profiles; of other records the version alone."""
    version = _VERSIONS.get(data[1:3], "")
    try:
        return _hello(Reader(data, 13), data[0]) or f"DTLS {version}"
    except WireError:
        return f"DTLS {version}"


def _hello(reader: Reader, content: int) -> str:
    if content != _HANDSHAKE or reader.u8() != _CLIENT_HELLO:
        return ""
    reader.skip(11)  # length, message number, fragment
    version = _VERSIONS.get(reader.take(2), "")
    reader.skip(32)
    for size in (reader.u8, reader.u8, reader.u16, reader.u8):  # session, cookie, ciphers
        reader.skip(size())
    profiles, extensions = "", reader.sub(reader.u16())
    while extensions:
        kind, body = extensions.u16(), extensions.sub(extensions.u16())
        if kind == _USE_SRTP:
            listed = body.sub(body.u16())
            names = [listed.u16() for _ in range(len(listed) // 2)]
            profiles = ", ".join(PROFILES.get(name, f"{name:#06x}") for name in names[:8])
        elif kind == _VERSIONS_EXTENSION and b"\xfe\xfc" in body.rest():
            version = "1.3"
    return f"DTLS {version}, SRTP {profiles}" if profiles else f"DTLS {version}, no SRTP"
