"""Soulseek's obfuscation: each message is xored with its own first four bytes, turned by one more
bit for each word. Bytes in, bytes out.

    key u32 | message xor (key turned left by 1, by 2, by 3, ...)

It is no secret. Only users' messages are masked so; what the file's bytes are is not. aioslsk's
`obfuscation.py`. Holds the bytes of a key or a length, at most seven.
"""

_WORD, _TURNS = 4, 32


def unmask(key: bytes, data: bytes, at: int = 0) -> bytes:
    """Return *data* in clear, which stands *at* bytes behind its message's *key*."""
    ring = _ring(key)
    start = at % len(ring)
    size = len(data)
    long = (ring[start:] + ring * (size // len(ring) + 1))[:size]
    return (int.from_bytes(data) ^ int.from_bytes(long)).to_bytes(size)


def _ring(key: bytes) -> bytes:
    """Return what a message is xored with, which repeats after 32 words."""
    number = int.from_bytes(key, "little")
    turned = (
        (number << turn | number >> (_TURNS - turn)) & 0xFFFF_FFFF for turn in range(1, _TURNS + 1)
    )
    return b"".join(each.to_bytes(_WORD, "little") for each in turned)


class Unmasker:
    """One direction of a masked connection."""

    def __init__(self) -> None:
        self._head = b""
        self._key = b""
        self._at = self._left = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what of the message under way is there, and what of *data* stands behind it."""
        if not self._left:
            need = 2 * _WORD - len(self._head)
            self._head, data = self._head + data[:need], data[need:]
            if len(self._head) < 2 * _WORD:
                return b"", b""
            self._key, length = self._head[:_WORD], unmask(self._head[:_WORD], self._head[_WORD:])
            self._head, self._at = b"", _WORD
            self._left = int.from_bytes(length, "little")
            return length, data
        some, data = data[: self._left], data[self._left :]
        plain = unmask(self._key, some, self._at)
        self._at += len(some)
        self._left -= len(some)
        return plain, data
