"""Query routing tables of one direction, summed up as they pass. Holds zlib's window, no table.

    RESET   00 | slots u32le | infinity u8
    PATCH   01 | number u8 | of u8 | compressor u8 | bits u8 | data

QRP (Rohrs, 2002; gtk-gnutella doc/gnutella/QRP); Gnutella2's QHT has the same bodies with patches
of one bit. An entry that is not zero changes the table; after a reset that is a word somebody
shares a file for (or one of its endings). At most MAX_TABLE bytes of a table are looked at.
"""

import zlib
from collections import Counter
from typing import Any

from backchannel.protocols import Output
from backchannel.protocols.gnutella.events import RouteTable
from backchannel.reader import Reader, WireError

RESET, PATCH = 0, 1
MAX_TABLE = 2 << 20
_LOW = bytes((1 if byte & 15 else 0) + (1 if byte >> 4 else 0) for byte in range(256))


class Routes:
    """The table that one side is sending."""

    def __init__(self) -> None:
        self._slots = 0
        self._clear()

    def _clear(self) -> None:
        self._next = 1
        self._octets = self._changed = self._seen = 0
        self._stream: Any = None

    def take(self, body: bytes) -> list[Output]:
        """Take the next message; return what the table says once its last patch is there."""
        reader = Reader(body)
        variant = reader.u8()
        if variant == RESET:
            self._slots = reader.u32le()
            self._clear()
            return []
        if variant != PATCH:
            raise WireError(f"routing table message of variant {variant}")
        number, count = reader.u8(), reader.u8()
        compressor, bits = reader.u8(), reader.u8()
        if number != self._next or number > count:
            expected = self._next
            self._clear()
            raise WireError(f"patch {number} of {count} where {expected} was due")
        return self._patch(number, count, compressor, bits, reader.rest())

    def _patch(
        self, number: int, count: int, compressor: int, bits: int, data: bytes
    ) -> list[Output]:
        self._octets += len(data)
        self._next = number + 1
        self._changed += _changes(self._undo(data) if compressor else data, bits)
        if number < count:
            return []
        told = RouteTable(
            slots=self._slots, changed=self._changed, patches=count, octets=self._octets
        )
        self._clear()
        return [told]

    def _undo(self, data: bytes) -> bytes:
        if self._stream is None:
            self._stream = zlib.decompressobj()
        try:
            out: bytes = self._stream.decompress(data, max(1, MAX_TABLE - self._seen))
        except zlib.error as error:
            self._clear()
            raise WireError("damaged routing table") from error
        self._seen += len(out)
        if self._seen >= MAX_TABLE:
            self._clear()
            raise WireError(f"routing table expands beyond {MAX_TABLE} bytes")
        return out


def _changes(data: bytes, bits: int) -> int:
    """Return how many entries of *data* are not zero."""
    if bits == 1:
        return int.from_bytes(data, "big").bit_count()
    if bits == 4:
        return sum(_LOW[byte] * times for byte, times in Counter(data).items())
    return len(data) - data.count(0)
