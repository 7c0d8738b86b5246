"""FastTrack's file hash (UUHash): 20 bytes that name a file, and check what was downloaded.

    MD5 of the first 300 KiB (16) | sample u32, little-endian

The sample is a CRC-32 without its final inversion, of 300 KiB at 1, 2, 4 ... MiB as long as they
end before the last 300 KiB, then of the last 300 KiB (or of what follows the first 300 KiB, where
that is less), XOR the size. Only these parts are read, so this hash proves little: any other byte
may be changed. Told by giFT-FastTrack (PROTOCOL, "Hash format"; src/fst_hash.c, commit a647525),
which disagree where a sample touches the last part; the code, which ran, is followed here.
"""

from hashlib import md5
from zlib import crc32

SIZE = 20
_SEGMENT = 300 * 1024
_FIRST_SAMPLE = 1 << 20


class UUHash:
    """The hash of a file of *size* bytes, taken from its bytes in order. Holds no file bytes."""

    def __init__(self, size: int) -> None:
        self._size, self._at = size, 0
        self._md5, self._sample = md5(), 0xFFFFFFFF
        self._parts = _sampled(size)

    def update(self, data: bytes) -> None:
        """Take the next bytes of the file."""
        start, self._at = self._at, self._at + len(data)
        if start < _SEGMENT:
            self._md5.update(data[: _SEGMENT - start])
        while self._parts and self._parts[0][0] < self._at:
            first, last = self._parts[0]
            self._add(data[max(0, first - start) : last - start])
            if last > self._at:
                return
            self._parts.pop(0)

    def _add(self, data: bytes) -> None:
        self._sample = crc32(data, self._sample ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    @property
    def whole(self) -> bool:
        """Whether every byte of the file was seen."""
        return self._at == self._size

    def digest(self) -> bytes:
        """Return the 20 bytes; meaningful once the file is whole."""
        sample = (self._sample ^ self._size) & 0xFFFFFFFF
        return self._md5.digest() + sample.to_bytes(4, "little")


def _sampled(size: int) -> list[tuple[int, int]]:
    """Return the (first, end) of the parts of a file of *size* bytes that the CRC reads."""
    if size <= _SEGMENT:
        return []
    tail = size - min(size - _SEGMENT, _SEGMENT)
    parts, place = [], _FIRST_SAMPLE
    while place + _SEGMENT <= size - _SEGMENT:
        parts.append((place, place + _SEGMENT))
        place <<= 1
    return [*parts, (tail, size)]


def short_id(digest: bytes) -> int:
    """Return the number that KaZaA derives from a hash and calls files by in old requests."""
    value = 0
    for byte in digest:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value & 0x3FFF
