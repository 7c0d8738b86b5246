"""MD4 (RFC 1320), which names eDonkey's files and their parts, and which OpenSSL 3 leaves out.

Compiled it does about as many bytes a second as a fast network brings; as Python it is slow.
"""

import struct

_MASK = 0xFFFFFFFF
_BLOCK = 64
_ORDER = bytes(range(16)) + bytes.fromhex(
    "0004080c0105090d02060a0e03070b0f0008040c020a060e0109050d030b070f"
)
"""Which word of the block each step takes."""
_SHIFTS = bytes((3, 7, 11, 19) * 4 + (3, 5, 9, 13) * 4 + (3, 9, 11, 15) * 4)


class Md4:
    """A running digest: `update` as often as wanted, `digest` at any time."""

    def __init__(self) -> None:
        self._a, self._b, self._c, self._d = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476
        self._rest = b""
        self._size = 0

    def update(self, data: bytes) -> None:
        """Take more bytes."""
        self._size += len(data)
        rest = self._rest + data
        whole = len(rest) - len(rest) % _BLOCK
        self._blocks(rest, whole)
        self._rest = rest[whole:]

    def digest(self) -> bytes:
        """Return the digest of all bytes so far; more may follow."""
        saved = self._a, self._b, self._c, self._d
        padding = b"\x80" + bytes(-(self._size + 9) % _BLOCK)
        last = self._rest + padding + struct.pack("<Q", 8 * self._size)
        self._blocks(last, len(last))
        found = struct.pack("<4I", self._a, self._b, self._c, self._d)
        self._a, self._b, self._c, self._d = saved
        return found

    def _blocks(self, data: bytes, size: int) -> None:
        """Mix in the blocks that the first *size* bytes of *data* are."""
        octets, order, shifts, mask = data, _ORDER, _SHIFTS, _MASK
        a, b, c, d = self._a, self._b, self._c, self._d
        at = 0
        while at < size:
            old_a, old_b, old_c, old_d = a, b, c, d
            step = 0
            while step < 48:
                place = at + 4 * order[step]
                word = octets[place] | octets[place + 1] << 8
                word |= octets[place + 2] << 16 | octets[place + 3] << 24
                if step < 16:
                    total = a + word + ((b & c) | ((b ^ mask) & d))
                elif step < 32:
                    total = a + word + ((b & c) | (b & d) | (c & d)) + 0x5A827999
                else:
                    total = a + word + (b ^ c ^ d) + 0x6ED9EBA1
                total &= mask
                shift = shifts[step]
                a, b, c, d = d, (total << shift | total >> (32 - shift)) & mask, b, c
                step += 1
            a, b = (a + old_a) & mask, (b + old_b) & mask
            c, d = (c + old_c) & mask, (d + old_d) & mask
            at += 64
        self._a, self._b, self._c, self._d = a, b, c, d


def md4(data: bytes) -> bytes:
    """Return the digest of *data*."""
    running = Md4()
    running.update(data)
    return running.digest()
