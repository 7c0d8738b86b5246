"""eMule's obfuscation: RC4 under keys that follow from who is spoken to. Bytes in, bytes out.

It hides connections from who looks for fixed bytes, and nothing from who has seen the other side's
user hash or node id, which servers, sources and Kad tell. That a key is right is proved by a fixed
value of 32 bits behind it, so nothing is guessed. eMule's `EncryptedStreamSocket.cpp` and
`EncryptedDatagramSocket.cpp`.

    stream, asks      marker u8 | random u32 | RC4: c46f5e83 | methods u8 | preferred u8 | padding
    stream, answers   RC4: c46f5e83 | method u8 | padding
    datagram          marker u8 | random u16 | RC4: c12e5f39 | padding [| Kad: two keys u32] | body

Padding is its size in a byte, and as many bytes.
"""

from hashlib import md5
from importlib import import_module
from typing import Any

STREAM, DATAGRAM = bytes.fromhex("c46f5e83"), bytes.fromhex("c12e5f39")
ASKS, ANSWERS, IN_DATAGRAM = b"\x22", b"\xcb", b"\x5b"
_SKIPPED = 1024


def load() -> tuple[Any, Any]:
    """Return the modules that hold the cipher, which load slowly and are seldom needed."""
    ciphers = import_module("cryptography.hazmat.primitives.ciphers")
    return ciphers, import_module("cryptography.hazmat.decrepit.ciphers.algorithms")


class Rc4:
    """A running cipher."""

    def __init__(self, secret: bytes, skip: int = 0) -> None:
        ciphers, algorithms = load()
        key = md5(secret, usedforsecurity=False).digest()
        self._cipher: Any = ciphers.Cipher(algorithms.ARC4(key), mode=None).decryptor()
        if skip:
            self._cipher.update(bytes(skip))

    def update(self, data: bytes) -> bytes:
        """Return the next bytes in clear."""
        plain: bytes = self._cipher.update(data)
        return plain


def of_stream(user: bytes, random: bytes, way: bytes) -> Rc4:
    """Return the cipher of one direction of a connection to who has the hash *user*."""
    return Rc4(user + way + random, _SKIPPED)
