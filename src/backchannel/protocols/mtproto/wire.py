"""MTProto's frames and the part of its messages that is in clear. Bytes in, values out.

    abridged       ef, then: words u8 or 7f and words u24 | message          in words of 4 bytes
    intermediate   ee ee ee ee, then: bytes u32 | message
    padded         dd dd dd dd, then: bytes u32 | message | 0 to 15 random bytes
    full           bytes u32 of all | number u32 | message | CRC32 of all before it

    message        key id u64, not 0 | message key 16 | encrypted, whole blocks of 16
                   0 u64 | message id u64 | bytes u32 | name u32 ...          in clear: handshake
                   negative code i32                                          error

Little-endian. The highest bit of a length asks for a quick acknowledgement; in a server's it is
one, of four bytes. Nothing is held but the beginning of one frame, KEPT bytes.
"""

from typing import Literal
from zlib import crc32

import msgspec

from backchannel.protocols.mtproto.obfuscation import SIZE, uncover
from backchannel.reader import Reader, WireError, cut, cut_buffer

Framing = Literal["abridged", "intermediate", "padded", "full"]
OPENINGS: dict[bytes, Framing] = {
    b"\xef": "abridged",
    b"\xee" * 4: "intermediate",
    b"\xdd" * 4: "padded",
}
_FIRSTS = bytes(opening[0] for opening in OPENINGS)
_HIDDEN: dict[bytes, Framing] = {
    opening * (4 // len(opening)): name for opening, name in OPENINGS.items()
}
KEPT = 1024
"""Bytes of a frame that are looked at: the longest message of a handshake is shorter."""
MOST = 1 << 24
"""Bytes of a frame; parts of files have half a megabyte."""
_MORE, _QUICK = 0x7F, 0x80
_BLOCK, _BEFORE_BLOCKS = 16, 24
_PLAIN_HEAD = 20
EARLIEST = 1_325_376_000
"""The clock of a client, at least: 2012, in seconds. The protocol is younger."""
ERRORS = frozenset({403, 404, 429, 444})
_RES_PQ = 0x05162463
_VECTOR = 0x1CB5C415
_MOST_KEYS = 16
STEPS = {
    0x60469778: "req_pq",
    0xBE7E8EF1: "req_pq_multi",
    _RES_PQ: "resPQ",
    0xD712E4BE: "req_DH_params",
    0xD0E8075C: "server_DH_params_ok",
    0x79CB045D: "server_DH_params_fail",
    0xF5045F1F: "set_client_DH_params",
    0x3BCBF734: "dh_gen_ok",
    0x46DC1FB9: "dh_gen_retry",
    0xA69DAE02: "dh_gen_fail",
}
"""The messages in clear, by number."""
ACKNOWLEDGE = 0x62D6B459
"""msgs_ack, the one other message that clients send in clear."""
CENTRES = frozenset({1, 2, 3, 4, 5, 203})
"""The data centres; the last is of the network that delivers files of large channels."""
TEST = 10_000
"""What is added to the number of a data centre of the test system."""


class Opening(msgspec.Struct, frozen=True):
    """How a client begins."""

    framing: Framing
    size: int
    """Bytes before the first frame."""
    centre: int = 0
    key: bytes = b""
    """The first bytes, from which follows what decrypts the others, where they are obfuscated."""


_OPENED: dict[Framing, Opening] = {
    "full": Opening("full", 0),
    **{framing: Opening(framing, len(opening)) for opening, framing in OPENINGS.items()},
}


class Frame:
    """One frame, as much of it as is looked at."""

    __slots__ = ("head", "intact", "size")

    def __init__(self, size: int, head: bytes, intact: bool = True) -> None:
        self.size = size
        """Bytes of the message, and of padding."""
        self.head = head
        self.intact = intact
        """False where its checksum was looked at and does not fit."""


class Message(msgspec.Struct, frozen=True):
    """What a frame shows: a key's id, or else a step of a handshake, or an error."""

    key: str = ""
    seal: bytes = b""
    """What the sender's key for this one message is made from: no two have the same."""
    step: str = ""
    server_keys: tuple[str, ...] = ()
    error: int = 0


_LOOKED_AT, _ZEROS = 16, 3
"""Of so many random bytes so many are 0 once in 30,000 times, and all are text once in 3 million;
of other protocols' first, often."""
_TAB, _RETURN, _SPACE, _TILDE = 0x09, 0x0D, 0x20, 0x7E


def read_opening(data: bytes) -> Opening | None:
    """Read how a client begins; None: "need more". Raises WireError where it is not MTProto."""
    if not data:
        return None
    if data[0] in _FIRSTS:
        for opening, plain in OPENINGS.items():
            if data.startswith(opening):
                return _OPENED[plain]
            if opening.startswith(data):
                return None
    if len(data) < 8:
        return None
    if not (data[4] or data[5] or data[6] or data[7]):
        return _OPENED["full"]
    if not _random(data):
        raise WireError("an opening that is not random")
    if len(data) < SIZE:
        return None
    hidden = uncover(data)
    framing = _HIDDEN.get(cut(hidden, 0, 4))
    if framing is None:
        raise WireError("64 bytes that hide nothing")
    centre = int.from_bytes(hidden[4:6], "little", signed=True)
    return Opening(framing, SIZE, centre, data[:SIZE])


def _random(data: bytes) -> bool:
    """Whether the first bytes may be random, as far as they are there."""
    size, zeros, text = min(len(data), _LOOKED_AT), 0, 0
    for at in range(size):
        octet = data[at]
        if not octet:
            zeros += 1
        elif _SPACE <= octet <= _TILDE or _TAB <= octet <= _RETURN:
            text += 1
    return zeros < _ZEROS and text < _LOOKED_AT


class Frames:
    """Cuts one side's bytes into frames."""

    __slots__ = ("_buffer", "_server", "_skip", "framing")

    def __init__(self, framing: Framing, server: bool) -> None:
        self.framing: Framing = framing
        self._server = server
        self._buffer = bytearray()
        self._skip = 0
        """Bytes of a frame that was told of already."""

    def add(self, data: bytes) -> None:
        """Take more bytes."""
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        self._buffer += data

    def take(self) -> Frame | None:
        """Return the next frame; None: "need more". Raises WireError where there cannot be one."""
        while (start := self._start()) >= 0:
            size, have = self._size(start), len(self._buffer)
            if not size:  # a quick acknowledgement
                del self._buffer[:start]
                continue
            kept = min(size, KEPT)
            if have < start + kept:
                return None
            head = cut_buffer(self._buffer, start, start + kept)
            frame = self._full(size, head) if self.framing == "full" else Frame(size, head)
            self._skip = max(0, start + size - have)
            del self._buffer[: start + size]
            return frame
        return None

    def _start(self) -> int:
        """Return where the next frame's message begins; -1 while its length is not there."""
        buffer, have = self._buffer, len(self._buffer)
        if self.framing != "abridged":
            start = 0 if self.framing == "full" else 4
            return start if have >= 4 else -1
        if not have:
            return -1
        quick = self._server and buffer[0] & _QUICK
        start = 4 if quick or buffer[0] & _MORE == _MORE else 1
        return start if have >= start else -1

    def _size(self, start: int) -> int:
        """Return the size of the message that begins at *start*; 0: there is none. Raises
        WireError for what cannot be one.
        """
        buffer = self._buffer
        words, full = self.framing == "abridged", self.framing == "full"
        quick = (buffer[0] if words else buffer[3]) & _QUICK
        if quick and self._server and not full:
            return 0
        if words:
            size = 4 * (buffer[0] & _MORE if start == 1 else _u24(buffer, 1))
        else:
            size = _u24(buffer, 0) | (buffer[3] if full else buffer[3] & ~_QUICK) << 24
        if size > MOST or (size < 4 and (size or start != 4 or not self._server)):
            raise WireError(f"frame of {size} bytes")
        return size

    def _full(self, size: int, head: bytes) -> Frame:
        if size < 16:
            raise WireError(f"frame of {size} bytes")
        if size > len(head):
            return Frame(size - 12, head[8:])
        intact = crc32(head[:-4]) == int.from_bytes(head[-4:], "little")
        return Frame(size - 12, head[8:-4], intact)


def _u24(buffer: bytearray, at: int) -> int:
    return buffer[at] | buffer[at + 1] << 8 | buffer[at + 2] << 16


def read_message(frame: Frame, framing: Framing) -> Message:
    """Read what is in clear of a message. Raises WireError for what cannot be one."""
    if not frame.intact:
        raise WireError("checksum does not fit the frame")
    padding = 15 if framing == "padded" else 0
    if frame.size <= 4 + padding and 0 < (code := -_signed(frame.head)) in ERRORS:
        return Message(error=code)
    reader = Reader(frame.head)
    key = reader.take(8)[::-1]
    if any(key):
        blocks = frame.size - _BEFORE_BLOCKS
        if blocks < _BLOCK or blocks % _BLOCK > padding:
            raise WireError(f"message of {frame.size} bytes")
        return Message(key=key.hex(), seal=reader.take(16))
    return _plain(reader, frame.size, padding)


def _signed(data: bytes) -> int:
    return int.from_bytes(data[:4], "little", signed=True)


def _plain(reader: Reader, whole: int, padding: int) -> Message:
    reader.skip(4)
    clock, size = reader.u32le(), reader.u32le()
    if clock < EARLIEST:
        raise WireError("message of before the protocol's time")
    if not 0 <= whole - _PLAIN_HEAD - size <= padding:
        raise WireError(f"message of {size} bytes in a frame of {whole}")
    name = reader.u32le()
    if name == ACKNOWLEDGE:
        return Message(step="msgs_ack")
    if name not in STEPS:
        raise WireError(f"message {name:08x} in clear")
    return Message(step=STEPS[name], server_keys=_server_keys(reader) if name == _RES_PQ else ())


def _server_keys(reader: Reader) -> tuple[str, ...]:
    """Return the fingerprints in the rest of resPQ: two nonces, pq, a list."""
    reader.skip(32)
    size = reader.u8()
    reader.skip(size + -(size + 1) % 4)
    if reader.u32le() != _VECTOR:
        raise WireError("no list of keys")
    count = reader.u32le()
    if count > _MOST_KEYS:
        raise WireError(f"{count} keys")
    return tuple(f"{reader.u64le():016x}" for _ in range(count))
