"""A connection that carries files, one packet after another.

    0 hello     0 u32 | how many files u32 | bytes of all u32 | speed u32 | nickname
    1 answer    speed u32 | nickname
    2 file      0 u8 | name | folder | size u32 | 0 u32 | speed u32
    3 start     offset u32 | 0 u32 | speed u32 | number of the file u32
    4 stop      number of the file u32
    5 speed     u32
    6 data      bytes of the file, usually 2048

The side that was asked for the file says with 3 where it wants it to begin. Nothing of a file is
held. Sources: licq 1.3.0 icqd-filetransfer.cpp; icqlib 1.x tcpfilehandle.c.
"""

from collections.abc import Iterator

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Profile
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.icq.content import words
from backchannel.protocols.icq.wire import string
from backchannel.protocols.icq_peer.contexts import Announced
from backchannel.protocols.icq_peer.state import State
from backchannel.reader import Reader, WireError

HELLO, ANSWER, FILE, START, STOP, SPEED, DATA = range(7)
_HEAD = 3
"""Bytes of a data packet before the data: its length, and what it is."""


def is_hello(body: bytes) -> bool:
    """Say whether *body* opens a file connection: a hello whose lengths all agree."""
    if body[:5] != bytes(5) or len(body) < 20:
        return False
    size = int.from_bytes(body[17:19], "little")
    return size >= 1 and len(body) == 19 + size and body[-1] == 0


class Files:
    """One file connection."""

    def __init__(self, state: State, announced: Announced | None) -> None:
        self._state, self._announced = state, announced
        self._count = 0
        self._key = ""
        self._size = 0
        self._offset = 0
        self._usual = 0
        """Data in a full packet, as the last one had it."""
        self.sender: Side | None = None
        self._seen = self._length = 0
        """Within a packet whose head or beginning fell into a hole: what went by, its data."""

    def packet(self, side: Side, body: bytes) -> Iterator[Output]:
        """Tell what one packet of *side* says. Raises WireError where it says nothing known."""
        kind, reader = body[0], Reader(body, 1)
        if kind == DATA:
            yield from self._data(body[1:])
        elif kind in {HELLO, ANSWER}:
            reader.skip(16 if kind == HELLO else 4)
            nickname, uin = words(string(reader)), self._state.name(side)
            if uin and nickname not in {"", uin}:
                yield Profile(account=uin, nickname=nickname)
        elif kind == FILE:
            yield from self._file(side, reader)
        elif kind == START:
            self._offset = reader.u32le()
        elif kind == STOP:
            yield from self.close()
        elif kind != SPEED:
            raise WireError(f"packet of kind {kind} on a file connection")

    def _file(self, side: Side, reader: Reader) -> Iterator[Output]:
        yield from self.close()
        self.sender = side
        reader.skip(1)
        name = words(string(reader))
        folder = words(string(reader))
        self._size = reader.u32le()
        self._count += 1
        self._key, self._offset = str(self._count), 0
        what = self._announced
        yield FileOpen(
            key=self._key,
            name=f"{folder}/{name}" if folder else name,
            size=self._size,
            sender=self._state.name(side) or (what.sender if what else ""),
            recipient=self._state.name(side.other) or (what.recipient if what else ""),
            id=what.id if what else "",
        )

    def _data(self, data: bytes) -> Iterator[Output]:
        self._usual = max(self._usual, len(data))
        yield from self._bytes(data)

    def _bytes(self, data: bytes) -> Iterator[Output]:
        if not self._key or not data:
            return
        yield FileData(key=self._key, offset=self._offset, data=data)
        self._offset += len(data)
        if self._offset >= self._size:
            yield from self.close()

    def close(self) -> Iterator[Output]:
        """Close the open file, if any."""
        if self._key:
            yield FileClose(key=self._key)
            self._key = ""

    # -- holes ---------------------------------------------------------------------------------

    def hole(self, held: bytes, size: int) -> list[Output] | None:
        """*size* bytes were never seen, after *held* of a packet had come.

        All data packets of a file but its last are of one length, so it can be told where in the
        file the next byte belongs. None where it cannot.
        """
        if not self._usual or not self._key or held[2:_HEAD] not in (b"", b"\x06"):
            return None
        told = list(self._bytes(held[_HEAD:]))
        seen, length = self._seen, self._length
        if not length:
            seen = len(held)
            length = int.from_bytes(held[:2], "little") - 1 if seen >= _HEAD else self._usual
        place, before = seen + size, max(0, seen - _HEAD)
        if place >= _HEAD + length:
            self._offset += length - before
            whole, place = divmod(place - _HEAD - length, _HEAD + self._usual)
            self._offset += whole * self._usual
            length, before = self._usual if place else 0, 0
        self._offset += max(0, place - _HEAD) - before
        self._seen, self._length = place, length
        return told if self._offset < self._size else None

    @property
    def amid(self) -> bool:
        """Whether the next bytes belong to a packet whose beginning fell into a hole."""
        return self._length > 0

    def rest(self, buffer: bytearray) -> list[Output]:
        """Take what is left of such a packet off the front of *buffer*."""
        left = min(_HEAD + self._length - self._seen, self._size - self._offset + _HEAD)
        piece = bytes(buffer[:left])
        del buffer[:left]
        data = piece[max(0, _HEAD - self._seen) :]
        self._seen += len(piece)
        if len(piece) == left:
            self._length = 0
        return list(self._bytes(data))
