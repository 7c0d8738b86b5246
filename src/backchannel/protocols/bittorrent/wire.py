r"""One side of the peer wire: bytes in, handshake and messages out.

    handshake   \x13 | "BitTorrent protocol" | reserved 8 | info hash 20 | peer id 20
    message     length u32 | kind u8 | body           length 0: keep-alive
    piece       .. | 7 | piece u32 | begin u32 | block      which is handed on as it comes

Held: one message, at most LARGEST bytes; of a block nothing. Where messages begin is looked for
after a gap by a request or a block, whose forms nothing else has. BEP 3, 6, 10, 52.
"""

from enum import Enum, auto
from typing import NamedTuple

from backchannel.reader import WireError, cut, u32_at

OPENING = b"\x13BitTorrent protocol"
HANDSHAKE = 68
LARGEST = 1 << 18
"""Bytes of a message that is no block: a bitfield of two million pieces fits."""
LARGEST_BLOCK = 1 << 20
_LENGTH = 4
_HEADER = 13
"""Bytes of a piece message before its block."""
_MOST_OF_BLOCK = LARGEST_BLOCK + _HEADER
_FIND = 17
"""Bytes of everything that the beginning of a message is found by; all alike, so that it does not
depend on how the stream was cut which is found first."""
_OPENING_BYTE = OPENING[0]
_HELLO_FORM, _BLOCK_FORM = OPENING[:_FIND], b"\0\0@\t\x07\0"


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


_FIXED = {
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
_LEAST = {Kind.PIECE: 9, Kind.EXTENDED: 2, Kind.HASHES: 49}
_SIZES = bytes(_FIXED.get(kind, 0) for kind in range(256))
"""Of messages whose length is fixed, what it is, by kind; 0 for the others."""
_SMALLEST = bytes(_LEAST.get(kind, 1) for kind in range(256))
_WORDS = {
    kind: name.lower().replace("_", "-") for name, kind in vars(Kind).items() if name.isupper()
}
NAMES = (*(_WORDS.get(kind, "unknown") for kind in range(256)), _WORDS[Kind.KEEP_ALIVE])
"""Names of messages by kind; KEEP_ALIVE, which is -1, stands at the end."""


class Handshake(NamedTuple):
    """How a side opens its stream."""

    reserved: bytes
    hash: bytes
    peer: bytes


def read_handshake(body: bytes) -> Handshake:
    """Return the parts of a handshake's *body*."""
    return Handshake(body[:8], body[8:28], body[28:])


class Item:
    """What `Lane.next` finds, and which of its fields tell of it."""

    NOTHING = 0
    """More bytes have to come."""
    HANDSHAKE = 1
    """`body`: all behind its first words."""
    MESSAGE = 2
    """`kind` and `body` of a whole message; of an unknown kind too."""
    BLOCK = 3
    """A block of `piece` begins, whose bytes come next."""
    CHUNK = 4
    """`body`: the next bytes of that block, at `offset` of `piece`."""


class State(Enum):
    """What a side's next bytes are."""

    HELLO = auto()
    MESSAGES = auto()
    LOST = auto()
    """Unknown: the beginning of a message is looked for."""
    DEAF = auto()
    """Nothing that can be read, until a gap."""


_HELLO, _MESSAGES, _LOST, _DEAF = State
_NOTHING, _HANDSHAKE, _MESSAGE = Item.NOTHING, Item.HANDSHAKE, Item.MESSAGE
_BLOCK, _CHUNK = Item.BLOCK, Item.CHUNK
_REQUESTS = bytes((Kind.REQUEST, Kind.CANCEL, Kind.REJECT))
_REQUEST_SIZE, _ASKED = _FIXED[Kind.REQUEST], 1 << 14
"""Bytes of a request, and those that all programs ask for."""
_PIECE, _KEEP_ALIVE = Kind.PIECE, Kind.KEEP_ALIVE
_LOOKED_AT = 4
"""Which byte of what may be a beginning is looked at first."""


def _shifts() -> bytes:
    """Return, by the byte that is looked at, how far on the next beginning may be: 0 for here."""
    shifts = bytearray([_LOOKED_AT + 1] * 256)
    requests = [_REQUEST_SIZE.to_bytes(_LENGTH) + bytes([kind]) for kind in _REQUESTS]
    for form in (_HELLO_FORM, _BLOCK_FORM, *requests):
        for at, octet in enumerate(form[: _LOOKED_AT + 1]):
            shifts[octet] = min(shifts[octet], _LOOKED_AT - at)
    return bytes(shifts)


_SHIFTS = _shifts()


class Lane:
    """What is known of one side's stream; what was found in it last is in the public fields."""

    def __init__(self, *, begun: bool) -> None:
        self.state = _HELLO if begun else _LOST
        self._data, self._at = b"", 0
        """Bytes that came, and how many of them were read."""
        self._held: bytearray | None = None
        """Bytes that are read once there are `_need` of them."""
        self._need = 0
        self._left = self._place = 0
        """Bytes of the block under way that are still to come, and where in its piece they are."""
        self.kind = self.piece = self.offset = 0
        self.body = b""

    @property
    def partial(self) -> bool:
        """Whether a handshake or a message has begun and not ended, other than a block."""
        return self._held is not None and self.state in (_HELLO, _MESSAGES)

    def add(self, data: bytes) -> None:
        """Take the next bytes, once `next` found nothing more in those before."""
        if self._held is not None:
            self._held += data
            if len(self._held) < self._need:
                return
            data = bytes(self._held)
            self._held = None
        if self.state is not _DEAF:
            self._data, self._at = data, 0

    def next(self) -> int:
        """Find the next `Item`; return which. Raises WireError where the framing is broken, and
        then finds nothing until a gap.
        """
        data, at = self._data, self._at
        left = len(data) - at
        if left <= 0:
            return _NOTHING
        if self._left:  # as for most bytes
            return self._chunk(data, at, min(left, self._left))
        if self.state is _LOST:
            start = _find(data, at)
            if start < 0:
                return self._wait(max(at, len(data) - _FIND + 1), _FIND)
            self.state = _HELLO if data[start] == _OPENING_BYTE else _MESSAGES
            at, left = start, len(data) - start
        if self.state is _HELLO:
            return self._handshake(data, at, left)
        size = u32_at(data, at) if left >= _LENGTH else 0
        if left > _LENGTH and size:
            return self._message(data, at, left, size)
        if left < _LENGTH or size:
            return self._wait(at, _LENGTH + 1 if left == _LENGTH else _LENGTH)
        self._at = at + _LENGTH
        self.kind, self.body = _KEEP_ALIVE, b""
        return _MESSAGE

    def gap(self, size: int) -> None:
        """*size* bytes are missing, 0 if nobody knows how many: in a block they are counted off."""
        if 0 < size <= self._left:
            self._left -= size
            self._place += size
        else:
            self.lose()

    def lose(self) -> None:
        """Where the next message begins is not known any more."""
        self._stop(_LOST)

    def _stop(self, state: State) -> None:
        """Let go of all that came, and go on in *state*."""
        self._data, self._at, self._held, self._left = b"", 0, None, 0
        self.state = state

    def _wait(self, start: int, need: int) -> int:
        """Keep what begins at *start* until *need* bytes of it are there."""
        self._held, self._need = bytearray(cut(self._data, start, len(self._data))), need
        self._data, self._at = b"", 0
        return _NOTHING

    def _broken(self, reason: str) -> WireError:
        self._stop(_DEAF)
        return WireError(reason)

    def _chunk(self, data: bytes, at: int, size: int) -> int:
        self.offset = self._place
        self._place += size
        self._left -= size
        self._at = at + size
        self.body = data if size == len(data) else cut(data, at, at + size)
        return _CHUNK

    def _handshake(self, data: bytes, at: int, left: int) -> int:
        if not data.startswith(OPENING[:left], at):
            raise self._broken("no handshake")
        if left < HANDSHAKE:
            return self._wait(at, HANDSHAKE if left >= len(OPENING) else left + 1)
        self.body = cut(data, at + len(OPENING), at + HANDSHAKE)
        self._at = at + HANDSHAKE
        self.state = _MESSAGES
        return _HANDSHAKE

    def _message(self, data: bytes, at: int, left: int, size: int) -> int:
        """Read a message of *size* bytes, of whose length and body *left* bytes are there."""
        kind = data[at + _LENGTH]
        fixed = _SIZES[kind]
        if fixed:
            fits = size == fixed
        else:
            fits = _SMALLEST[kind] <= size <= (_MOST_OF_BLOCK if kind == _PIECE else LARGEST)
        if not fits:
            name = NAMES[kind] if NAMES[kind] != "unknown" else f"message {kind}"
            raise self._broken(f"{name} of {size} bytes")
        need = _HEADER if kind == _PIECE else _LENGTH + size
        if left < need:
            return self._wait(at, need)
        self._at = at + need
        if kind == _PIECE:
            self.piece, self._place = u32_at(data, at + 5), u32_at(data, at + 9)
            self._left = _LENGTH + size - _HEADER
            return _BLOCK
        self.kind, self.body = kind, cut(data, at + 5, at + need)
        return _MESSAGE


def begins(data: bytes) -> bool:
    """Whether *data* begins with a request, its like, a block, or a handshake."""
    return len(data) >= _FIND and _fits(data, 0)


def _find(data: bytes, start: int) -> int:
    """Return where the first beginning of a message is in *data*, from *start* on; -1 where there
    is none.
    """
    octets, shifts, at, last = data, _SHIFTS, start, len(data) - _FIND
    while at <= last:
        shift = shifts[octets[at + _LOOKED_AT]]
        if not shift and _fits(data, at):
            return at
        at += shift or 1
    return -1


def _fits(data: bytes, at: int) -> bool:
    """Whether the form of a handshake, a request, its like, or a block is at *at*, where _FIND
    bytes are.
    """
    octets = data
    if octets[at] == _OPENING_BYTE:
        return data.startswith(_HELLO_FORM, at)
    if octets[at] or octets[at + 1] or octets[at + 11] & 0x3F or octets[at + 12]:
        return False  # a block begins at a multiple of 16 KiB
    if data.startswith(_BLOCK_FORM, at):
        return True
    if u32_at(data, at) != _REQUEST_SIZE or octets[at + 4] not in _REQUESTS:
        return False
    return u32_at(data, at + 13) == _ASKED
