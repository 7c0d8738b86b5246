"""One TCP connection of eDonkey: with a server, or between clients. Bytes in, events out.

Frames are cut here and read by `server.py`, `peer.py` and `parts.py`. Held a side: one frame of at
most FRAME bytes, or a window of as many in which the next frame is looked for after a loss. Pieces
of files are passed on as they come; longer frames are walked over. Behind bytes that are no frame a
side is not heard, until a gap.
"""

from collections.abc import Iterator

from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.deflated import inflate
from backchannel.protocols.edonkey import peer, rc4, server, wire
from backchannel.protocols.edonkey.parts import Incoming, Piece
from backchannel.protocols.edonkey.recognise import may_begin, next_frame, recognise
from backchannel.protocols.edonkey.sealed import PROOF, Sealed, opener
from backchannel.protocols.edonkey.talk import Talk
from backchannel.reader import Reader, WireError

__all__ = ["Session", "recognise"]

FRAME = 1 << 18
"""Bytes of one frame that are read; lists of files are packed and far smaller."""


class _Lane:
    """One direction."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.left = 0
        """Bytes of the frame under way that are passed on or walked over."""
        self.piece: Piece | None = None
        self.deaf = self.lost = False


class Session:
    """Both directions of one connection."""

    def __init__(self, start: Start) -> None:
        self.service = "edonkey"
        self.standing = Standing.CLAIMED
        self.done = False
        self._talk = Talk(start)
        self._incoming = Incoming(self._talk)
        self._lanes = {side: _Lane() for side in Side}
        self._frames = dict.fromkeys(Side, 0)
        self._begun, self._bodies, self._loose = start.begun, 0, False
        known = (start.context, *start.others)
        self._users = [each for each in known if isinstance(each, bytes)]
        self._first: bytes | None = b"" if self._users and start.begun else None
        """The client's first bytes, as long as they do not say whether it is obfuscated."""
        self._sealed: Sealed | None = None

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        lane = self._lanes[side]
        if lane.deaf:
            return []
        told: list[Output] = []
        if self._first is not None and side is Side.CLIENT:
            data = self._begin_sealed(self._first + data)
        try:
            if self._sealed is not None:
                data = self._sealed.feed(side, data)
            self._take(side, lane, data, told)
        except WireError as error:
            told.append(Malformed(reason=str(error)))
            lane.deaf = True
            lane.buffer.clear()
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
        return told

    def _begin_sealed(self, data: bytes) -> bytes:
        """Find out whether the connection is obfuscated; return what can be read by now."""
        if data[:1] and data[0] not in wire.STREAMED:
            if len(data) < PROOF:
                self._first = data
                return b""
            user = opener(data, self._users)
            self._sealed = Sealed(user) if user else None
        self._first = None if data else b""
        return data

    def _take(self, side: Side, lane: _Lane, data: bytes, told: list[Output]) -> None:
        """Take bytes in clear."""
        if lane.left and not lane.buffer:  # as nearly always while a file comes
            some, data = data[: lane.left], data[lane.left :]
            self._pass(lane, some, told)
        lane.buffer += data
        while lane.buffer and self._step(side, lane, told):
            pass

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen. A frame that ends behind them keeps its place."""
        lane, self._first = self._lanes[side], None
        if self._sealed is not None and not self._sealed.gap(side, size):
            lane.deaf = True
            return [Gap(size=size)]
        if not lane.deaf and not lane.lost and not lane.buffer and size <= lane.left:
            if lane.piece is not None:
                self._incoming.lost(lane.piece, size)
            lane.left -= size
        else:
            lane.buffer.clear()
            lane.left, lane.piece, lane.deaf, lane.lost = 0, None, False, True
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        if self.standing is Standing.CLAIMED and not self._begun and not self.aligned:
            self.standing = Standing.REFUTED
        return self._incoming.end(side)

    # -- for the guard -------------------------------------------------------------------------

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a message and not ended it; a piece of a file is none."""
        lane = self._lanes[side]
        return bool(lane.buffer) and not lane.lost

    @property
    def aligned(self) -> bool:
        """Whether all bytes so far were messages that were read to their ends, some with a body."""
        return self._bodies > 0 and not self._loose

    # -- frames --------------------------------------------------------------------------------

    def _step(self, side: Side, lane: _Lane, told: list[Output]) -> bool:
        """Take what can be taken off the buffer; say whether that was anything."""
        buffer = lane.buffer
        if lane.left:
            some = bytes(buffer[: lane.left])
            del buffer[: len(some)]
            self._pass(lane, some, told)
            return True
        if lane.lost:
            at, sure = next_frame(buffer)
            del buffer[:at]
            lane.lost = not sure
            return sure
        if not may_begin(buffer):
            raise WireError("no frame of eDonkey begins so")
        if len(buffer) < wire.HEADER:
            return False
        protocol, kind, size = buffer[0], buffer[5], wire.length_at(buffer)
        head = wire.PARTS.get((protocol, kind))
        if head is not None and size > head:
            if len(buffer) < wire.HEADER + head:
                return False
            self._begin(side, lane, (protocol, kind), head, told)
        elif size > FRAME:
            del buffer[: wire.HEADER]
            lane.left, lane.piece = size - 1, None
            told.append(Malformed(reason=f"a message of {size} bytes is not read"))
        elif len(buffer) < 5 + size:
            return False
        else:
            body = bytes(buffer[wire.HEADER : 5 + size])
            del buffer[: 5 + size]
            self._frame(side, protocol, kind, body, told)
        return True

    def _begin(
        self, side: Side, lane: _Lane, key: tuple[int, int], head: int, told: list[Output]
    ) -> None:
        """A piece of a file begins: its bytes are passed on as they come."""
        buffer, size = lane.buffer, wire.length_at(lane.buffer)
        found = bytes(buffer[wire.HEADER : wire.HEADER + head])
        del buffer[: wire.HEADER + head]
        lane.left, lane.piece = size - 1 - head, None
        try:
            lane.piece = self._incoming.begin(side, key, found, lane.left)
        except WireError as error:
            told.append(Malformed(reason=str(error)))
            return
        self._count(side)
        told += self._incoming.opened(lane.piece)

    def _pass(self, lane: _Lane, data: bytes, told: list[Output]) -> None:
        """Pass on bytes of the piece under way, if there is one."""
        lane.left -= len(data)
        if lane.piece is not None and data:
            try:
                self._incoming.take(lane.piece, data, told)
            except WireError as error:
                told.append(Malformed(reason=str(error)))
                lane.piece = None

    def _frame(self, side: Side, protocol: int, kind: int, body: bytes, told: list[Output]) -> None:
        """Read one whole message. A broken body costs no more than itself."""
        try:
            if protocol == wire.PACKED:
                body = inflate(body)
            reader = Reader(body)
            told += list(self._read(side, protocol, kind, body, reader))
            self._count(side)
            self._bodies += bool(body)
            self._loose = self._loose or bool(reader)
        except WireError as error:
            self._loose = True
            told.append(Malformed(reason=str(error)))

    def _read(
        self, side: Side, protocol: int, kind: int, body: bytes, reader: Reader
    ) -> Iterator[Output]:
        if protocol != wire.EMULE:
            if kind == wire.HELLO and protocol == wire.EDONKEY:
                read = peer.HELLO if peer.is_hello(body) else server.LOGIN
                return read(self._talk, side, reader)
            if kind == wire.HASHES and protocol == wire.EDONKEY:
                self._incoming.hashes(reader)
                return iter(())
            found = server.MESSAGES.get(kind) or peer.EDONKEY.get(kind)
            if found is not None:
                return found(self._talk, side, reader)
        if protocol != wire.EDONKEY and (found := peer.EMULE.get(kind)) is not None:
            return found(self._talk, side, reader)
        return iter(())

    def _count(self, side: Side) -> None:
        """One more message was understood; both sides', or three of one, prove the protocol."""
        self._frames[side] += 1
        if all(self._frames.values()) or self._frames[side] >= 3:
            self.standing = Standing.PARSED


def prepare() -> None:
    """Load what obfuscated traffic alone needs."""
    rc4.load()
