"""FastTrack's stream cipher. A 32-bit seed and an encryption type in, a key stream out.

Both are sent in clear in the first bytes of a session, so whoever sees those reads the rest. The
type is a set of bits; together they fill and turn a *pad* of 63 bytes:

    0x01   the pad holds the cube of a large number made from the seed, modulo MODULUS. It is
           also done where no other bit fills the pad
    0x02   the pad holds twenty words made from the seed and mixed by a program (mixer.py);
    0x20   with several of these bits the programs run one after another on the same words.
    0x80   0x40 alone leaves the words unmixed
    0x08   output bytes pass a substitution table, which turns by one with each turn of the pad
    0x10   mixed words stir the pad after each turn
    0x04   and 0x100 fill the pad too, in ways that no public description knows

The stream is the running sum of the pad, round after round, and the sums become the next round's
pad. Told by the source of giFT-FastTrack (commit a647525, src/crypt) and, equal in all that
matters, of MLDonkey (src/networks/fasttrack/fst_crypt.c); the C code computes a byte at a time,
here a whole turn is one `accumulate`.
"""

import sys
from array import array
from functools import lru_cache
from hashlib import md5
from itertools import accumulate

from backchannel.protocols.fasttrack.mixer import MASK, WORDS, program

KNOWN = 0x1FF
"""All bits that any program gives a meaning."""
CUBE, TABLE, STIR = 0x01, 0x08, 0x10
_MIXES = (0x02, 0x20, 0x80)
_WORDS = 0x1E6
_UNDESCRIBED = 0x104
_PAD = 63
_TURNING = 7
MODULUS = int(
    "d453ec0a34eb20ca0a532f6aae08473dc6f2dc0e96e62735dd331dd5522f69d10d7a005019288512"
    "71a157acde7aa2fedbd26bb04d23ffc1b6a31787315d578051be98b0da2d7944ed64060a96e537a7"
    "a4037cdbde3c6725e9db63418443fd050829ee6d18e4dd48d61a70558606342ac3741ca71e4970e5"
    "10a931f8b42d2df05250e6fe0a7703d88781ab210032a3dfe957a9b5d238b5b8363dc15e2c0054b3"
    "390a5a36b15e221669f29f9af97bb445695b3ca272f554fce475aa9e6e37192e91fd3a9ebc8c0457"
    "e7ee26ad19d2974dc11f00e38d5b5eb2e84b25f81b32a36fba1519a15efa55ffe569c5fc96d7f927"
    "bf77b6d6193bbd8f31c4a05eeb96841d",
    16,
)


class UnknownCipherError(ValueError):
    """An encryption type that nobody has described."""


def _next(seed: int) -> int:
    """One step of the linear congruential generator that everything is drawn from."""
    return (seed * 0x10DCD + 0x4271) & MASK


def _draw(seed: int) -> tuple[list[int], int]:
    """Draw twenty words from *seed*; return them and the seed after them."""
    words = []
    for _ in range(WORDS):
        seed = _next(seed)
        words.append(seed)
    return words, seed


@lru_cache(maxsize=1024)
def _mixed(seed: int) -> tuple[int, ...]:
    words, seed = _draw(seed)
    return tuple(program(0x02).mix(words, _next(seed)))


def unmask(seed: int, masked: int) -> int:
    """Undo (or do) the mask that hides an encryption type beside its *seed*."""
    return masked ^ _mixed(seed)[7]


class Cipher:
    """The key stream of one direction. Raises UnknownCipherError where *kind* cannot be undone."""

    def __init__(self, seed: int, kind: int) -> None:
        if kind & _UNDESCRIBED:
            raise UnknownCipherError(f"encryption type {kind:#x}")
        self._kind, self._turns, self._left = kind, 0, b""
        pad, seed = _fill(seed, kind)
        if not any(byte & 1 for byte in pad):
            pad[0] |= 0x71
        self._pad, self._at = pad, ((_next(seed) >> 16) * _PAD) >> 16
        self._table = _shuffled(pad) * 2 if kind & TABLE else b""
        self._stirring = _mixed(self._at) if kind & STIR else ()
        self._scramble(self._at)

    def crypt(self, data: bytes) -> bytes:
        """Return *data* encrypted or decrypted: the next bytes of the stream, added to it."""
        stream, size = self._left, len(data)
        if len(stream) < size:
            parts, held = [stream], len(stream)
            while held < size:
                parts.append(self._turn())
                held += len(parts[-1])
            stream = b"".join(parts)
        self._left = stream[size:]
        added = int.from_bytes(data, "big") ^ int.from_bytes(stream[:size], "big")
        return added.to_bytes(size, "big")

    def skip(self, size: int) -> None:
        """Pass over *size* bytes of the stream."""
        while size > len(self._left):
            size -= len(self._left)
            self._left = self._turn()
        self._left = self._left[size:]

    def _turn(self) -> bytes:
        """Run to the end of the pad; return the stream of it."""
        start, self._at = self._at, 0
        if start <= _TURNING:
            sums = self._sum(start, _TURNING + 1)
            if not sums[-1] & 0x70:
                self._scramble(sums[-1] + self._pad[2])
            sums += self._sum(_TURNING + 1, _PAD)
        else:
            sums = self._sum(start, _PAD)
        turn, self._turns = self._turns & 0xFF, self._turns + 1
        if self._stirring:
            self._stir()
        if not self._table:
            return sums
        table = self._table[turn : turn + 256]
        # The last byte of the pad already meets the table of the next turn.
        return sums[:-1].translate(table) + self._table[sums[-1] + turn + 1 & 0xFF :][:1]

    def _sum(self, start: int, stop: int) -> bytes:
        """Replace the pad from *start* to *stop* by its running sums, and return them."""
        pad = self._pad
        sums = array("H", accumulate(pad[start:stop], initial=pad[start - 1]))
        if sys.byteorder == "big":
            sums.byteswap()
        low = sums.tobytes()[2::2]
        pad[start:stop] = low
        return low

    def _scramble(self, at: int) -> None:
        """Sort five bytes, whose place *at* decides, and change every third byte of the pad."""
        pad, place = self._pad, (at * at + 2) % (_PAD - 4)
        ordered: list[int] = sorted(pad[place : place + 5], key=lambda byte: byte ^ 0x20)
        pad[place : place + 5] = bytes(ordered)
        for index in range(5, _PAD, 3):
            pad[index] = (~pad[index] + index) & 0xFF | 1

    def _stir(self) -> None:
        pad = self._pad
        shift, place = pad[24] & 15, pad[25] & 31
        for index in range(6):
            pad[place + index] ^= self._stirring[index] >> shift & 0xFF
        pad[place + 4] |= 1 << (pad[10] & 7)
        if not self._turns & 15:
            self._stirring = _mixed(self._turns & MASK)


def _fill(seed: int, kind: int) -> tuple[bytearray, int]:
    """Return the first pad of *seed*, and the seed that is left."""
    pad = 0
    if kind & CUBE or not kind & (_WORDS | CUBE):
        number = bytearray()
        for _ in range(255):
            seed = _next(seed)
            number.append((seed >> 17) % 0xE0)
        number.append(1)
        pad ^= pow(int.from_bytes(number, "little"), 3, MODULUS)
    if kind & _WORDS:
        words, seed = _draw(seed)
        for mix in _MIXES:
            if kind & mix:
                seed = _next(seed)
                words = program(mix).mix(words, seed)
        pad ^= sum(word << 32 * index for index, word in enumerate(words))
    return bytearray((pad & (1 << _PAD * 8) - 1).to_bytes(_PAD, "little")), seed


def _shuffled(pad: bytearray) -> bytes:
    """Return all bytes in an order drawn from the pad's MD5 (Fisher and Yates's shuffle)."""
    state = int.from_bytes(md5(pad).digest()[:4], "little")
    table = bytearray(range(256))
    for at in range(256):
        state = _next(state)
        other = at + ((state >> 16) * (256 - at) >> 16)
        table[at], table[other] = table[other], table[at]
    return bytes(table)
