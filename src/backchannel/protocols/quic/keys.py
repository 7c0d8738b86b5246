"""The keys of Initials, which follow from the client's first destination: they protect against
accidents, not against readers.

RFC 9001 §5: HKDF (RFC 5869) with SHA-256, AES-128-GCM for payloads, AES-128 in ECB for headers. A
tag that verifies proves that the bytes are QUIC of that version: chance does so once in 2^128.
"""

from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backchannel.hashes import Mac
from backchannel.model import Side
from backchannel.protocols.aes import encrypt_block
from backchannel.protocols.quic.versions import Version
from backchannel.protocols.quic.wire import SAMPLED, TAG, Packet

_NUMBERS = 1 << 62
_ROLES = "client in", "server in"


@cache
def _info(label: str, size: int) -> bytes:
    """Return what HKDF-Expand-Label (RFC 8446 §7.1) hashes for *size* bytes, at most one block."""
    text = f"tls13 {label}".encode()
    return size.to_bytes(2) + bytes([len(text)]) + text + b"\0\1"


@cache
def _labels(prefix: str) -> tuple[bytes, bytes, bytes]:
    """Return what is hashed for the keys of a version whose labels begin with *prefix*."""
    return _info(f"{prefix} key", 16), _info(f"{prefix} iv", 12), _info(f"{prefix} hp", 16)


@cache
def _salted(salt: bytes) -> Mac:
    return Mac(salt)


class _Direction:
    """What opens the packets of one side."""

    __slots__ = ("aead", "iv", "largest", "masking")

    def __init__(self, secret: bytes, prefix: str) -> None:
        mac = Mac(secret)
        key, iv, masking = _labels(prefix)
        self.aead = AESGCM(mac.digest(key)[:16])
        self.iv = mac.digest(iv)[:12]
        self.masking = mac.digest(masking)[:16]
        """The key of what protects headers."""
        self.largest = -1
        """The largest number of a packet that was opened."""

    def open(self, datagram: bytes, packet: Packet) -> bytes | None:
        """Return the payload of *packet*; None where its tag does not verify."""
        octets, start, at, end = datagram, packet.start, packet.number, packet.end
        sampled = at + SAMPLED
        if sampled > len(datagram):
            return None
        mask = encrypt_block(self.masking, octets[at + 4 : sampled])
        masked = mask
        first = octets[start] ^ masked[0] & 0x0F
        size = (first & 3) + 1
        body = at + size
        header, sent = bytearray(octets[start:body]), 0
        header[0] = first
        for index in range(size):
            octet = octets[at + index] ^ masked[1 + index]
            header[at - start + index] = octet
            sent = sent << 8 | octet
        number = _whole(sent, size, self.largest + 1)
        nonce = bytearray(self.iv)
        for index in range(8):
            nonce[11 - index] ^= number >> 8 * index & 0xFF
        try:
            payload: bytes = self.aead.decrypt(nonce, octets[body:end], header)
        except InvalidTag:
            return None
        self.largest = max(self.largest, number)
        return payload


def _whole(number: int, size: int, expected: int) -> int:
    """Return the packet number of which only the last *size* bytes were sent (RFC 9000 A.3)."""
    window = 1 << 8 * size
    found = expected & -window | number
    if found + window // 2 <= expected and found < _NUMBERS - window:
        return found + window
    return found - window if found > expected + window // 2 and found >= window else found


class Keys:
    """What opens the Initials of one connection, made for each side when it is first needed."""

    __slots__ = ("_directions", "_secret", "connection", "version")

    def __init__(self, version: Version, connection: bytes) -> None:
        """*connection*: the destination that the client invented, or that a Retry gave it."""
        self.version, self.connection = version, connection
        self._secret = _salted(version.salt).digest(connection)
        self._directions: list[_Direction | None] = [None, None]

    def open(self, role: Side, datagram: bytes, packet: Packet) -> bytes | None:
        """Return the payload of a *packet* that came from *role* of QUIC; None where its tag does
        not verify.
        """
        direction = self._directions[role]
        if direction is None:
            secret = Mac(self._secret).digest(_info(_ROLES[role], 32))
            direction = self._directions[role] = _Direction(secret, self.version.prefix)
        return direction.open(datagram, packet)


def proves(packet: Packet, datagram: bytes, connection: bytes) -> bool:
    """Whether a Retry's tag verifies for the client's first destination (RFC 9001 §5.8)."""
    if packet.version.retry is None:
        return False
    key, nonce = packet.version.retry
    body = datagram[packet.start : packet.end]
    known = bytes([len(connection)]) + connection + body[:-TAG]
    return AESGCM(key).encrypt(nonce, b"", known) == body[-TAG:]
