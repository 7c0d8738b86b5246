"""Obfuscated MTProto, whose key travels with it: 64 bytes in, what they hide and two ciphers out.

    random 8 | AES-256 key 32 | counter 16 | encrypted: framing 4, data centre i16 le, random 2

The other direction has the key and the counter from the same 48 bytes, read backwards. An MTProxy
with a secret mixes that into the keys, so that its users' first bytes show nothing.
"""

from functools import cache
from importlib import import_module
from typing import Any

from backchannel.protocols.aes import encrypt_block

SIZE = 64
_KEYS = slice(8, 56)
_COUNTERS = 1 << 128
_LAST = SIZE // 16 - 1
"""Which block of what the client encrypts its first bytes end in."""


def uncover(first: bytes) -> bytes:
    """Return what the last 8 of a client's first SIZE bytes hide, if anything: framing, data centre
    and noise.
    """
    keys = first[_KEYS]
    mask = encrypt_block(keys[:32], _counter(keys, _LAST))
    return bytes([first[56 + at] ^ mask[8 + at] for at in range(8)])


class Cipher:
    """What decrypts one side's bytes, those behind the client's first SIZE."""

    def __init__(self, first: bytes, server: bool) -> None:
        """*first*: the client's SIZE bytes."""
        keys = first[_KEYS]
        keys, blocks = (keys[::-1], 0) if server else (keys, _LAST + 1)
        ciphers, algorithms, modes = load()
        aes, counter = algorithms.AES(keys[:32]), modes.CTR(_counter(keys, blocks))
        self._cipher: Any = ciphers.Cipher(aes, counter).encryptor()

    def update(self, data: bytes) -> bytes:
        """Return the next bytes in clear."""
        plain: bytes = self._cipher.update(data)
        return plain


def _counter(keys: bytes, blocks: int) -> bytes:
    """Return the counter of *keys* after so many *blocks*."""
    return ((int.from_bytes(keys[32:]) + blocks) % _COUNTERS).to_bytes(16)


@cache
def load() -> tuple[Any, ...]:
    """Return the modules that hold the cipher, which load slowly and are seldom needed."""
    ciphers = "cryptography.hazmat.primitives.ciphers"
    return tuple(import_module(ciphers + part) for part in ("", ".algorithms", ".modes"))
