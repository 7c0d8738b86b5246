"""Obfuscated MTProto, whose key travels with it: 64 bytes in, what they hide and two ciphers out.

    random 8 | AES-256 key 32 | counter 16 | encrypted: framing 4, data centre i16 le, random 2

The other direction has the key and the counter from the same 48 bytes, read backwards. An MTProxy
with a secret mixes that into the keys, so that its users' first bytes show nothing.
"""

from functools import cache
from importlib import import_module
from typing import Any

from backchannel.protocols.aes import uncount

SIZE = 64
_KEYS, _HIDDEN = slice(8, 56), 56
_KEY, _BLOCK = 32, 16
_COUNTERS = 1 << 128
_SHORT = 512
"""Bytes of a side for which no library's cipher is made."""


def uncover(first: bytes) -> bytes:
    """Return what the last 8 of a client's first SIZE bytes hide, if anything: framing, data centre
    and noise.
    """
    keys = first[_KEYS]
    return uncount(keys[:_KEY], keys[_KEY:], _HIDDEN, first[_HIDDEN:SIZE])


class Cipher:
    """What decrypts one side's bytes, those behind the client's first SIZE."""

    def __init__(self, first: bytes, server: bool) -> None:
        """*first*: the client's SIZE bytes."""
        keys = first[_KEYS]
        if server:
            keys = keys[::-1]
        self._key, self._counter = keys[:_KEY], keys[_KEY:]
        self._at = 0 if server else SIZE
        """Bytes that came before, the client's first among them."""
        self._end = self._at + _SHORT
        self._library: Any = None

    def update(self, data: bytes) -> bytes:
        """Return the next bytes in clear."""
        at = self._at
        self._at += len(data)
        if self._library is None:
            if self._at <= self._end:
                return uncount(self._key, self._counter, at, data)
            self._library = self._made(at)
        plain: bytes = self._library.update(data)
        return plain

    def _made(self, at: int) -> Any:
        """Return a library's cipher for what follows *at* bytes."""
        ciphers, algorithms, modes = load()
        counter = (int.from_bytes(self._counter) + at // _BLOCK) % _COUNTERS
        mode = modes.CTR(counter.to_bytes(_BLOCK))
        made = ciphers.Cipher(algorithms.AES(self._key), mode).encryptor()
        made.update(bytes(at % _BLOCK))
        return made


@cache
def load() -> tuple[Any, ...]:
    """Return the modules that hold the cipher, which load slowly and are seldom needed."""
    ciphers = "cryptography.hazmat.primitives.ciphers"
    return tuple(import_module(ciphers + part) for part in ("", ".algorithms", ".modes"))
