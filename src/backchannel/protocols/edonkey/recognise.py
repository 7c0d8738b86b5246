"""Whether bytes of a stream are eDonkey's: whole frames of known kinds, one after the other.

A header alone is too little: by chance one in some hundred thousand first payloads has one. So a
greeting has to be read to its end, a piece of a file has to be as long as its own place says, and
anything else has to be followed by more frames. A connection that is met on its way may show a
single one: if all its bytes are frames with a body, the session has to read them to their ends.
"""

from backchannel.model import MORE, Claim, More
from backchannel.patterns import later
from backchannel.protocols import Peek
from backchannel.protocols.edonkey import tags, wire
from backchannel.protocols.edonkey.sealed import PROOF, opener
from backchannel.reader import Reader, WireError

ENOUGH = 3
"""Frames in a row that are claimed without a greeting."""
PEEKED = 4096
AHEAD = 16_384
"""Length of a frame that is believed after a loss only if another one follows it."""
_HEAD = later(rb"[\xe3\xc5\xd4][\s\S][\s\S]\0\0[\s\S]")


def recognise(peek: Peek) -> Claim | More | None:
    """Claim connections whose first frames are whole and of known kinds."""
    if peek.transport != "tcp":
        return None
    sides = [data for data in (peek.client, peek.server) if data]
    if not sides or not all(map(may_begin, sides)):
        return _sealed(peek)
    for data in sides:
        if greeting := _greeting(data):
            return Claim("edonkey", evidence=greeting, sure=True)
    counts = [_frames(data) for data in sides]
    if min(counts) < 0:
        return None
    if sum(counts) >= ENOUGH:
        answers = not peek.begun and len(peek.client) > 5 and peek.client[5] in wire.FROM_SERVER
        flipped = answers and peek.client[0] == wire.EDONKEY
        return Claim("edonkey", evidence="frames in a row, all of known kinds", flipped=flipped)
    if not peek.begun and all(map(_ends, sides)):
        return Claim("edonkey", evidence="nothing but whole frames of known kinds")
    return MORE if max(map(len, sides)) < PEEKED else None


def _sealed(peek: Peek) -> Claim | More | None:
    """A connection to a client whose hash was told may be obfuscated with it."""
    users = [each for each in (peek.start.context, *peek.start.others) if isinstance(each, bytes)]
    if not users or not peek.begun or not peek.client:
        return None
    if len(peek.client) < PROOF:
        return None if peek.client[0] in wire.STREAMED else MORE
    if opener(peek.client, users) is None:
        return None
    return Claim("edonkey", evidence="opened with the user hash that was told", sure=True)


def may_begin(data: bytes | bytearray) -> bool:
    """Whether a frame may begin so, as far as its bytes are there."""
    if data[0] not in wire.STREAMED:
        return False
    if len(data) < 5:
        return True
    sized = 0 < wire.length_at(data) <= wire.LONGEST
    return sized and (len(data) == 5 or wire.known(data[0], data[5]))


def next_frame(data: bytearray) -> tuple[int, bool]:
    """Return where in *data* the next frame may begin, and whether it is sure to.

    Sure is a piece of a file that is as long as it says, and what another frame follows.
    """
    at = 0
    while found := _HEAD.search(data, at):
        at = found.start()
        size = wire.length_at(data, at)
        if size and wire.known(data[at], data[at + 5]):
            if (data[at], data[at + 5]) in wire.PLAIN_PARTS:
                head = bytes(data[at : at + wire.HEADER + wire.PLAIN_HEAD])
                if len(head) < wire.HEADER + wire.PLAIN_HEAD:
                    return at, False
                if _fits(head):
                    return at, True
            elif size <= AHEAD:
                behind = data[at + 5 + size : at + 5 + size + wire.HEADER]
                if len(behind) < wire.HEADER:
                    return at, False
                if may_begin(behind):
                    return at, True
        at += 1
    return max(at, len(data) - wire.HEADER + 1), False


def _greeting(data: bytes) -> str:
    """Return what the first frame greets, if it does and can be read to its end."""
    size = wire.length_at(data) if len(data) >= wire.HEADER else 0
    if data[0] != wire.EDONKEY or not size or len(data) < 5 + size:
        return ""
    body = data[wire.HEADER : 5 + size]
    if data[5] == wire.HELLO_ANSWER and _introduces(body):
        return "answer to a greeting between clients"
    if data[5] != wire.HELLO:
        return ""
    if body[:1] == b"\x10" and _introduces(body[1:]):
        return "greeting between clients"
    return "sign-on to a server" if _introduces(body, server=True) else ""


def _introduces(body: bytes, *, server: bool = False) -> bool:
    """Whether *body* is a user hash, an id, a port and tags, with a server's address behind them
    unless one is spoken to.
    """
    reader = Reader(body)
    try:
        reader.skip(wire.HASH + 6)
        count = reader.u32le()
        found = tags.read(reader, count)
    except WireError:
        return False
    named = tags.NAME in found or tags.VERSION in found
    return named and (not reader if server else 6 <= len(reader) <= 16)


def _frames(data: bytes) -> int:
    """Return how many whole frames *data* begins with; -1 where something else follows."""
    count = at = 0
    while len(data) - at >= wire.HEADER:
        if not may_begin(data[at : at + wire.HEADER]):
            return -1
        size = wire.length_at(data, at)
        if (data[at], data[at + 5]) in wire.PLAIN_PARTS:
            if not _fits(data[at : at + wire.HEADER + wire.PLAIN_HEAD]):
                return -1
            count += ENOUGH
        elif len(data) - at >= 5 + size:
            count += 1
        at += 5 + size
    return count if at >= len(data) or may_begin(data[at:]) else -1


def _ends(data: bytes) -> bool:
    """Whether *data* ends with a frame, and one of its frames has a body."""
    at, bodies = 0, False
    while at < len(data):
        bodies = bodies or wire.length_at(data, at) > 1
        at += 5 + wire.length_at(data, at)
    return bodies and at == len(data)


def _fits(head: bytes) -> bool:
    """Whether a piece of a file is as long as the place in the file that it names."""
    if len(head) < wire.HEADER + wire.PLAIN_HEAD:
        return True
    wide = head[5] == wire.PART_64
    reader, rest = Reader(head, wire.HEADER + wire.HASH), wire.length_at(head) - 1 - wire.HASH
    begin, end = (reader.u64le(), reader.u64le()) if wide else (reader.u32le(), reader.u32le())
    return end - begin == rest - (16 if wide else 8) and end > begin
