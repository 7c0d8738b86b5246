r"""One side of the peer wire: bytes in, handshake and messages out.

    handshake   \x13 | "BitTorrent protocol" | reserved 8 | info hash 20 | peer id 20
    message     length u32 | kind u8 | body           length 0: keep-alive
    piece       .. | 7 | piece u32 | begin u32 | block      which is handed on as it comes

Held: one message, at most LARGEST bytes; of a block nothing. Where messages begin is looked for
after a gap by a request or a block, whose forms nothing else has. BEP 3, 6, 10, 52.
"""

from collections.abc import Iterator
from enum import Enum, IntEnum, auto
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
_MESSAGE = later(
    rb"\x13BitTorrent proto"
    rb"|\0\0\0\r[\x06\x08\x10][\s\S]{6}[\0@\x80\xc0]\0\0\0@\0"
    rb"|\0\0@\t\x07\0[\s\S]{5}[\0@\x80\xc0]\0[\s\S]{4}"
)


class Kind(IntEnum):
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
NAMES = {int(kind): kind.name.lower().replace("_", "-") for kind in Kind}


class Handshake(NamedTuple):
    """How a side opens its stream."""

    reserved: bytes
    hash: bytes
    peer: bytes


class Message(NamedTuple):
    """A whole message; of an unknown kind too."""

    kind: int
    body: bytes


class Block(NamedTuple):
    """A block of *size* bytes begins, which come next."""

    piece: int
    begin: int
    size: int


class Chunk(NamedTuple):
    """The next bytes of the block that began last, at *offset* of its piece."""

    piece: int
    offset: int
    data: bytes


Item = Handshake | Message | Block | Chunk


class State(Enum):
    """What a side's next bytes are."""

    HELLO = auto()
    MESSAGES = auto()
    LOST = auto()
    """Unknown: the beginning of a message is looked for."""
    DEAF = auto()
    """Nothing that can be read, until a gap."""


class Lane:
    """What is known of one side's stream."""

    def __init__(self, *, begun: bool) -> None:
        self.state = State.HELLO if begun else State.LOST
        self._buffer = bytearray()
        self._left = 0
        """Bytes of the block under way that are still to come."""
        self._piece = self._at = 0

    @property
    def partial(self) -> bool:
        """Whether a handshake or a message has begun and not ended, other than a block."""
        return bool(self._buffer) and self.state in (State.HELLO, State.MESSAGES)

    def feed(self, data: bytes) -> Iterator[Item]:
        """Yield what *data* completes. Raises WireError where the framing is broken, and then
        yields nothing until a gap.
        """
        if self.state is State.DEAF:
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
            self.state = State.DEAF
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
        self.state = State.LOST

    def _chunk(self, data: bytes) -> Chunk:
        at = self._at
        self._at += len(data)
        self._left -= len(data)
        return Chunk(self._piece, at, data)

    def _next(self) -> Item | None:
        """Take one item off the buffer; None where it is not all there."""
        buffer = self._buffer
        if self.state is State.LOST and not self._found():
            return None
        if self.state is State.HELLO:
            return self._handshake()
        if len(buffer) < 4:
            return None
        size = int.from_bytes(buffer[:4])
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
        self.state = State.MESSAGES
        return Handshake(found[:8], found[8:28], found[28:])

    def _block(self, size: int) -> Block | None:
        buffer = self._buffer
        if len(buffer) < _HEADER:
            return None
        self._piece, self._at = int.from_bytes(buffer[5:9]), int.from_bytes(buffer[9:_HEADER])
        self._left = size - _LEAST[Kind.PIECE]
        del buffer[:_HEADER]
        return Block(self._piece, self._at, self._left)

    def _found(self) -> bool:
        """Look for the beginning of a message, and let go of what is before it."""
        found = _MESSAGE.search(self._buffer)
        if found is None:
            del self._buffer[: 1 - _FIND]
            return False
        start = found.start()
        opens = self._buffer[start] == OPENING[0]
        del self._buffer[:start]
        self.state = State.HELLO if opens else State.MESSAGES
        return True


def begins(data: bytes) -> bool:
    """Whether *data* begins with a request, its like, a block, or a handshake."""
    return _MESSAGE.match(data) is not None


def _check(kind: int, size: int) -> None:
    """Raise WireError where no message of that kind has that length."""
    fixed = _SIZES.get(kind)
    fits = size == fixed if fixed else size >= _LEAST.get(kind, 1)
    most = LARGEST_BLOCK + _HEADER if kind == Kind.PIECE else LARGEST
    if not fits or size > most:
        raise WireError(f"{NAMES.get(kind, f'message {kind}')} of {size} bytes")
