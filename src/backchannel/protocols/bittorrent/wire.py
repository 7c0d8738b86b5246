r"""One side of the peer wire: bytes in, handshake and messages out.

    handshake   \x13 | "BitTorrent protocol" | reserved 8 | info hash 20 | peer id 20
    message     length u32 | kind u8 | body           length 0: keep-alive
    piece       .. | 7 | piece u32 | begin u32 | block      which is handed on as it comes

Held: one message, at most LARGEST bytes; of a block nothing. Where messages begin is looked for
after a gap by a request or a block, whose forms nothing else has. BEP 3, 6, 10, 52.
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from backchannel.patterns import later
from backchannel.reader import WireError

OPENING = b"\x13BitTorrent protocol"
HANDSHAKE = 68
LARGEST = 1 << 18
"""Bytes of a message that is no block: a bitfield of two million pieces fits."""
LARGEST_BLOCK = 1 << 20
_HEADER = 13
"""Bytes of a piece message before its block."""
_FIND = 17
"""Bytes of everything that the beginning of a message is found by; all alike, so that it does not
depend on how the stream was cut which is found first."""
_FORMS = (
    (b"\x13BitTorrent proto", later(rb"[\s\S]{17}")),
    (b"\0\0\0\r", later(rb"[\s\S]{4}[\x06\x08\x10][\s\S]{6}[\0@\x80\xc0]\0\0\0@\0")),
    (b"\0\0@\t\x07\0", later(rb"[\s\S]{11}[\0@\x80\xc0]\0[\s\S]{4}")),
)
"""What they are found by: bytes that a search is quick for, and the form of all of them."""


class Kind:
    """What a message says; KEEP_ALIVE has no number of its own."""

    KEEP_ALIVE = -1
    CHOKE = 0
    UNCHOKE = 1
    INTERESTED = 2
    NOT_INTERESTED = 3
    HAVE = 4
    BITFIELD = 5
    REQUEST = 6
    PIECE = 7
    CANCEL = 8
    PORT = 9
    SUGGEST = 13
    HAVE_ALL = 14
    HAVE_NONE = 15
    REJECT = 16
    ALLOWED_FAST = 17
    EXTENDED = 20
    HASH_REQUEST = 21
    HASHES = 22
    HASH_REJECT = 23


_SIZES: dict[int, int] = {
    Kind.CHOKE: 1,
    Kind.UNCHOKE: 1,
    Kind.INTERESTED: 1,
    Kind.NOT_INTERESTED: 1,
    Kind.HAVE: 5,
    Kind.REQUEST: 13,
    Kind.CANCEL: 13,
    Kind.PORT: 3,
    Kind.SUGGEST: 5,
    Kind.HAVE_ALL: 1,
    Kind.HAVE_NONE: 1,
    Kind.REJECT: 13,
    Kind.ALLOWED_FAST: 5,
    Kind.HASH_REQUEST: 49,
    Kind.HASH_REJECT: 49,
}
"""Of messages whose length is fixed, what it is."""
_LEAST: dict[int, int] = {Kind.PIECE: 9, Kind.EXTENDED: 2, Kind.HASHES: 49}
NAMES: dict[int, str] = {
    kind: name.lower().replace("_", "-") for name, kind in vars(Kind).items() if name.isupper()
}


class Handshake(NamedTuple):
    """How a side opens its stream."""

    reserved: bytes
    hash: bytes
    peer: bytes


class Message:
    """A whole message; of an unknown kind too."""

    __slots__ = ("body", "kind")

    def __init__(self, kind: int, body: bytes) -> None:
        self.kind, self.body = kind, body


class Block:
    """A block of a *piece* begins, whose bytes come next."""

    __slots__ = ("piece",)

    def __init__(self, piece: int) -> None:
        self.piece = piece


class Chunk:
    """The next bytes of the block that began last, at *offset* of its piece."""

    __slots__ = ("data", "offset", "piece")

    def __init__(self, piece: int, offset: int, data: bytes) -> None:
        self.piece, self.offset, self.data = piece, offset, data


Item = Handshake | Message | Block | Chunk


class State(Enum):
    """What a side's next bytes are."""

    HELLO = auto()
    MESSAGES = auto()
    LOST = auto()
    """Unknown: the beginning of a message is looked for."""
    DEAF = auto()
    """Nothing that can be read, until a gap."""


_HELLO, _MESSAGES, _LOST, _DEAF = State


class Lane:
    """What is known of one side's stream."""

    def __init__(self, *, begun: bool) -> None:
        self.state = _HELLO if begun else _LOST
        self._buffer = bytearray()
        self._left = 0
        """Bytes of the block under way that are still to come."""
        self._piece = self._at = 0

    @property
    def partial(self) -> bool:
        """Whether a handshake or a message has begun and not ended, other than a block."""
        return bool(self._buffer) and self.state in (_HELLO, _MESSAGES)

    def feed(self, data: bytes) -> Iterator[Item]:
        """Yield what *data* completes. Raises WireError where the framing is broken, and then
        yields nothing until a gap.
        """
        if self.state is _DEAF:
            return
        if self._left:  # as for most bytes
            chunk, data = data[: self._left], data[self._left :]
            yield self._chunk(chunk)
        self._buffer += data
        try:
            while self._buffer and (item := self._next()) is not None:
                yield item
                if isinstance(item, Block) and self._left and self._buffer:
                    chunk = bytes(self._buffer[: self._left])
                    del self._buffer[: len(chunk)]
                    yield self._chunk(chunk)
        except WireError:
            self.state = _DEAF
            self._buffer.clear()
            raise

    def gap(self, size: int) -> None:
        """*size* bytes are missing, 0 if nobody knows how many: in a block they are counted off."""
        if 0 < size <= self._left:
            self._left -= size
            self._at += size
        else:
            self.lose()

    def lose(self) -> None:
        """Where the next message begins is not known any more."""
        self._left = 0
        self._buffer.clear()
        self.state = _LOST

    def _chunk(self, data: bytes) -> Chunk:
        at = self._at
        self._at += len(data)
        self._left -= len(data)
        return Chunk(self._piece, at, data)

    def _next(self) -> Item | None:
        """Take one item off the buffer; None where it is not all there."""
        buffer = self._buffer
        if self.state is _LOST and not self._found():
            return None
        if self.state is _HELLO:
            return self._handshake()
        if len(buffer) < 4:
            return None
        size = (buffer[0] << 8 | buffer[1]) << 16 | buffer[2] << 8 | buffer[3]
        if not size:
            del buffer[:4]
            return Message(Kind.KEEP_ALIVE, b"")
        if len(buffer) == 4:
            return None
        kind = buffer[4]
        _check(kind, size)
        if kind == Kind.PIECE:
            return self._block(size)
        if len(buffer) < 4 + size:
            return None
        body = bytes(buffer[5 : 4 + size])
        del buffer[: 4 + size]
        return Message(kind, body)

    def _handshake(self) -> Handshake | None:
        buffer = self._buffer
        if buffer[: len(OPENING)] != OPENING[: len(buffer)]:
            raise WireError("no handshake")
        if len(buffer) < HANDSHAKE:
            return None
        found = bytes(buffer[len(OPENING) : HANDSHAKE])
        del buffer[:HANDSHAKE]
        self.state = _MESSAGES
        return Handshake(found[:8], found[8:28], found[28:])

    def _block(self, size: int) -> Block | None:
        buffer = self._buffer
        if len(buffer) < _HEADER:
            return None
        self._piece, self._at = int.from_bytes(buffer[5:9]), int.from_bytes(buffer[9:_HEADER])
        self._left = size - _LEAST[Kind.PIECE]
        del buffer[:_HEADER]
        return Block(self._piece)

    def _found(self) -> bool:
        """Look for the beginning of a message, and let go of what is before it."""
        start = _find(self._buffer)
        if start < 0:
            del self._buffer[: 1 - _FIND]
            return False
        opens = self._buffer[start] == OPENING[0]
        del self._buffer[:start]
        self.state = _HELLO if opens else _MESSAGES
        return True


def begins(data: bytes) -> bool:
    """Whether *data* begins with a request, its like, a block, or a handshake."""
    return any(data.startswith(mark) and form.match(data) for mark, form in _FORMS)


def _find(buffer: bytearray) -> int:
    """Return where the first beginning of a message is in *buffer*; -1 where there is none."""
    first = -1
    for mark, form in _FORMS:
        at = buffer.find(mark)
        while at >= 0 and not form.match(buffer, at):
            at = buffer.find(mark, at + 1)
        if at >= 0 and not 0 <= first < at:
            first = at
    return first


def _check(kind: int, size: int) -> None:
    """Raise WireError where no message of that kind has that length."""
    fixed = _SIZES.get(kind, 0)
    fits = size == fixed if fixed else size >= _LEAST.get(kind, 1)
    most = LARGEST_BLOCK + _HEADER if kind == Kind.PIECE else LARGEST
    if not fits or size > most:
        raise WireError(f"{NAMES.get(kind, f'message {kind}')} of {size} bytes")
