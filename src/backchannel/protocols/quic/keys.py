"""The keys of Initials, which follow from the client's first destination: they protect against
accidents, not against readers.

RFC 9001 §5: HKDF (RFC 5869) with SHA-256, AES-128-GCM for payloads, AES-128 in ECB for headers. A
tag that verifies proves that the bytes are QUIC of that version: chance does so once in 2^128.
"""

from functools import cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backchannel.model import Side
from backchannel.protocols.aes import encrypt_block
from backchannel.protocols.quic.versions import Version
from backchannel.protocols.quic.wire import SAMPLED, TAG, Packet

_BLOCK = 64
_INNER, _OUTER = bytes(n ^ 0x36 for n in range(256)), bytes(n ^ 0x5C for n in range(256))
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


class _Mac:
    """HMAC with SHA-256 (RFC 2104) under one key of at most 64 bytes."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(_BLOCK, b"\0")
        self._inner, self._outer = block.translate(_INNER), block.translate(_OUTER)

    def digest(self, message: bytes) -> bytes:
        inner: bytes = sha256(self._inner + message).digest()
        outer: bytes = sha256(self._outer + inner).digest()
        return outer


@cache
def _salted(salt: bytes) -> _Mac:
    return _Mac(salt)


class _Direction:
    """What opens the packets of one side."""

    __slots__ = ("aead", "iv", "largest", "masking")

    def __init__(self, secret: bytes, prefix: str) -> None:
        mac = _Mac(secret)
        key, iv, masking = _labels(prefix)
        self.aead = AESGCM(mac.digest(key)[:16])
        self.iv = mac.digest(iv)[:12]
        self.masking = mac.digest(masking)[:16]
        """The key of what protects headers."""
        self.largest = -1
        """The largest number of a packet that was opened."""

    def open(self, datagram: bytes, packet: Packet) -> bytes | None:
        """Return the payload of *packet*; None where its tag does not verify."""
        start, at = packet.start, packet.number
        mask = encrypt_block(self.masking, datagram[at + 4 : at + SAMPLED])
        first = datagram[start] ^ mask[0] & 0x0F
        size = (first & 3) + 1
        sent = 0
        for index in range(size):
            sent = sent << 8 | datagram[at + index] ^ mask[1 + index]
        header = bytes([first]) + datagram[start + 1 : at] + sent.to_bytes(size)
        number = _whole(sent, size, self.largest + 1)
        nonce = self.iv[:4] + (int.from_bytes(self.iv[4:]) ^ number).to_bytes(8)
        try:
            payload: bytes = self.aead.decrypt(nonce, datagram[at + size : packet.end], header)
        except InvalidTag:
            return None
        self.largest = max(self.largest, number)
        return payload


def _whole(number: int, size: int, expected: int) -> int:
    """Return the packet number of which only the last *size* bytes were sent (RFC 9000 A.3)."""
    window = 1 << 8 * size
    found = expected & -window | number
    if found + window // 2 <= expected and found < (1 << 62) - window:
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
            secret = _Mac(self._secret).digest(_info(_ROLES[role], 32))
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
