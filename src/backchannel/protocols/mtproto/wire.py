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

from typing import Literal, NamedTuple
from zlib import crc32

from cryptography.hazmat.primitives.ciphers import CipherContext

from backchannel.protocols.mtproto import obfuscation
from backchannel.reader import Reader, WireError

Framing = Literal["abridged", "intermediate", "padded", "full"]
OPENINGS: dict[bytes, Framing] = {
    b"\xef": "abridged",
    b"\xee" * 4: "intermediate",
    b"\xdd" * 4: "padded",
}
_HIDDEN: dict[bytes, Framing] = {
    opening * (4 // len(opening)): name for opening, name in OPENINGS.items()
}
KEPT = 1024
"""Bytes of a frame that are looked at: the longest message of a handshake is shorter."""
MOST = 1 << 24
"""Bytes of a frame; parts of files have half a megabyte."""
_MORE, _QUICK, _QUICK_WORDS = 0x7F, 1 << 31, 0x80
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


class Opening(NamedTuple):
    """How a client begins."""

    framing: Framing
    size: int
    """Bytes before the first frame."""
    centre: int = 0
    client: CipherContext | None = None
    server: CipherContext | None = None
    """What decrypts each side's bytes from there on, where they are obfuscated."""


class Frame(NamedTuple):
    """One frame, as much of it as is looked at."""

    size: int
    """Bytes of the message, and of padding."""
    head: bytes
    intact: bool | None = None
    """What its checksum says; None where it has none or was not all looked at."""


class Message(NamedTuple):
    """What a frame shows: a key's id, or else a step of a handshake, or an error."""

    key: str = ""
    seal: bytes = b""
    """What the sender's key for this one message is made from: no two have the same."""
    step: str = ""
    server_keys: tuple[str, ...] = ()
    error: int = 0


_LOOKED_AT, _ZEROS = 16, 3
"""Of so many random bytes so many are 0 once in 30,000 times; of other protocols' first, often."""


def read_opening(data: bytes) -> Opening | None:
    """Read how a client begins; None: "need more". Raises WireError where it is not MTProto."""
    for opening, framing in OPENINGS.items():
        if data[: len(opening)] == opening:
            return Opening(framing, len(opening))
        if opening.startswith(data):
            return None
    if len(data) < 8:
        return None
    if not any(data[4:8]):
        return Opening("full", 0)
    if data[:_LOOKED_AT].count(0) >= _ZEROS:
        raise WireError("an opening that is not random")
    if len(data) < obfuscation.SIZE:
        return None
    hidden = obfuscation.uncover(data, _HIDDEN)
    if hidden is None:
        raise WireError("64 bytes that hide nothing")
    return Opening(
        _HIDDEN[hidden.framing], obfuscation.SIZE, hidden.centre, hidden.client, hidden.server
    )


class Frames:
    """Cuts one side's bytes into frames."""

    def __init__(self, framing: Framing, *, server: bool) -> None:
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
        while (found := self._length()) is not None:
            start, size = found
            if not size:  # a quick acknowledgement
                del self._buffer[:start]
                continue
            kept = min(size, KEPT)
            if len(self._buffer) < start + kept:
                return None
            head = bytes(self._buffer[start : start + kept])
            frame = self._full(size, head) if self.framing == "full" else Frame(size, head)
            self._skip = max(0, start + size - len(self._buffer))
            del self._buffer[: start + size]
            return frame
        return None

    def _length(self) -> tuple[int, int] | None:
        """Return where the next frame's message begins and its size; size 0: there is none."""
        buffer = self._buffer
        if self.framing == "abridged":
            found = self._words()
        elif len(buffer) < 4:
            return None
        else:
            size = int.from_bytes(buffer[:4], "little")
            if self.framing == "full":
                found = 0, size
            else:
                found = (4, 0) if self._server and size & _QUICK else (4, size & ~_QUICK)
        if found is not None and found[1] > MOST:
            raise WireError(f"frame of {found[1]} bytes")
        if found is not None and found[1] < 4 and not (self._server and found == (4, 0)):
            raise WireError(f"frame of {found[1]} bytes")
        return found

    def _words(self) -> tuple[int, int] | None:
        buffer = self._buffer
        if not buffer:
            return None
        words = buffer[0]
        if words & _QUICK_WORDS and self._server:
            return (4, 0) if len(buffer) >= 4 else None
        words &= _MORE
        if words < _MORE:
            return 1, 4 * words
        return (4, 4 * int.from_bytes(buffer[1:4], "little")) if len(buffer) >= 4 else None

    def _full(self, size: int, head: bytes) -> Frame:
        if size < 16:
            raise WireError(f"frame of {size} bytes")
        if size > len(head):
            return Frame(size - 12, head[8:])
        intact = crc32(head[:-4]) == int.from_bytes(head[-4:], "little")
        return Frame(size - 12, head[8:-4], intact)


def read_message(frame: Frame, framing: Framing) -> Message:
    """Read what is in clear of a message. Raises WireError for what cannot be one."""
    if frame.intact is False:
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
