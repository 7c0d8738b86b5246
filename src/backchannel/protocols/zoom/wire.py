"""What Zoom's clients and media servers say to each other over UDP. Bytes in, values out.

    opening    01 | version u16 | id 16 | 0 u32 | 2 u32 | time u32 | time u32 | digest u32, bytes
    answer     02 | version u16 | id 16 | cookie u32 | time u32 | eight zeros | ...
               of version 1 to a client of version 2
    ping       03 | count u32 | time u32 | cookie u32 | [more]         pong 04: the same, repeated
    media      05 | sequence u16 | cookie u32 | 00 or 01 to the server, 04 or 05 from it | inner
               05 | inner                                               of version 2
    end        07 | 0 u32 | cookie u32 | [more]
    more       00, or 01 | {kind u8 | length u8 | bytes} | ff or 00    of version 3
    direct     1f 02 | to whom u32 | from whom u32 | ... | port u16 at 22 | address: u32, text |
               call: u32, text of 36 | 0 u32                            between two clients
    question   00 01 00 18 | id 16 | 01 01 00 14 | "1234567890123456789" 00
    told       00 02 00 0c | id 16 | 01 03 00 08 | 00 01 | port u16 | address 4

    inner      0f | ... | 00 01 | length u16 | RTP at 19                voice
               10 | ... | RTP at 24 where byte 20 is 02, else at 20     video
               0d | ... | 1e at 7 | ... | RTP at 27                     a screen, by the server
               1e | ... | RTP at 20                                     a screen, directly
               21..23 | ... | RTCP at 16
               0c or 0d | 01 | meeting 16 | 01, participant 24 bits | what for u8    both are
               0d | ... | that at 7                                     for one kind of media

All integers are big-endian. Nothing here remembers anything.
"""

from functools import lru_cache
from ipaddress import ip_address
from typing import Literal, NamedTuple

from backchannel.reader import u32_at

OPENING, ANSWER, PING, PONG, MEDIA, END, DIRECT = 1, 2, 3, 4, 5, 7, 0x1F
NOTHING, VOICE, SCREEN, VIDEO, REPORT, BIND = range(6)
"""What an inner packet is; the first three numbers of media are Zoom's own."""
Kind = Literal["audio", "screen", "video"]
KINDS: dict[int, Kind] = {VOICE: "audio", SCREEN: "screen", VIDEO: "video"}
_VOICE, _VIDEO, _BY_SERVER, _SCREEN, _BINDS = 0x0F, 0x10, 0x0D, 0x1E, 0x0C
OUTER, _RTP = 8, 12
"""Bytes of the media server's header, and of one of RTP."""
ID, _OPENS, _ANSWERS, _PINGS, _ENDS, _BIND, _DIRECT, _UUID = 16, 43, 35, 13, 9, 23, 68, 36
_QUESTION, _TOLD = 44, 32
_ASKS, _NOTHING = b"\0\x01\0\x18", b"\x01\x01\0\x14" + b"1234567890123456789\0"
_TELLS, _SEEN = b"\0\x02\0\x0c", b"\x01\x03\0\x08\0\x01"
_ZEROS, _COUNTS = bytes(8), b"\0\0\0\0\0\0\0\x02"
_DIGEST = b"\x05\x40"
"""What a digest of 64 bytes begins with."""
_ENDED = b"\0\xff"
_LONGEST = 45
"""Bytes of an address as text."""


class Inner:
    """What is inside a packet of media. `read_inner` makes it."""

    __slots__ = ("kind", "meeting", "start", "use")
    kind: int
    start: int
    """Where its RTP or RTCP begins."""
    meeting: bytes
    """Of a bind."""
    use: int
    """Of a bind: the kind of media that the flow is for; NOTHING where not known."""


class Attempt(NamedTuple):
    """One client tries to reach another one directly."""

    address: str
    port: int
    """Where it believes the other one to be."""
    call: bytes
    """What both say: a UUID's 16 bytes."""


def opening(data: bytes) -> bytes:
    """Return the id of a client's opening; empty for anything else."""
    if len(data) < _OPENS or not _is_version(data, OPENING, 2) or data[19:27] != _COUNTS:
        return b""
    fits = int.from_bytes(data[35:39], "big") <= len(data) - 39
    return data[3:19] if fits else b""


def answer(data: bytes) -> bytes:
    """Return the id of a server's answer; empty for anything else."""
    if len(data) < _ANSWERS or not _is_version(data, ANSWER, 1) or data[27:35] != _ZEROS:
        return b""
    return data[3:19]


def _is_version(data: bytes, kind: int, least: int) -> bool:
    octets = data
    return octets[0] == kind and octets[1] == 0 and least <= octets[2] <= 3


def cookie(data: bytes) -> bytes:
    """Return the four bytes by which a server knows the flow, in both directions; empty where a
    packet has none, has not the form of its kind, or has so small a number that anything may.
    """
    octets, size = data, len(data)
    if not size:
        return b""
    kind, at = octets[0], 0
    if kind == MEDIA and size > OUTER and not octets[7] & 0xFA:
        at = 3
    elif kind == ANSWER and size >= _ANSWERS:
        at = 19
    elif PING <= kind <= PONG and _goes_on(data, _PINGS):
        at = 9
    elif kind == END and _goes_on(data, _ENDS) and not any(data[1:5]):
        at = 5
    return data[at : at + 4] if at and octets[at] | octets[at + 1] else b""


def _goes_on(data: bytes, at: int) -> bool:
    """Whether what ends at *at*, or what may follow there, ends with *data*."""
    octets, size = data, len(data)
    if size <= at + 1:
        return size == at or (size > at and not octets[at])
    if octets[at] != 1 or octets[size - 1] not in _ENDED:
        return False
    at += 1
    while at < size - 1:
        at += 2 + octets[at + 1]
    return at == size - 1


def answers_ping(ping: bytes, pong: bytes) -> bool:
    """Whether *pong* repeats what *ping* says."""
    if not ping or not pong or ping[0] != PING or pong[0] != PONG:
        return False
    return cookie(ping) != b"" and cookie(pong) != b"" and ping[1:_PINGS] == pong[1:_PINGS]


def is_sealed(data: bytes) -> bool:
    """Whether a ping, or what repeats one, ends with a digest, as with more to say it does."""
    return len(data) > _PINGS + len(_DIGEST) + 64 and data[-67:-65] == _DIGEST


def by_server(data: bytes) -> bool | None:
    """Whether a server sends a packet with its number; None: nothing tells."""
    kind = data[0]
    if kind == MEDIA:
        return data[7] & 4 != 0
    if len(data) > _PINGS + 1:
        return None  # both sides ask with more
    return kind == PING


def read_inner(data: bytes, at: int) -> Inner | None:
    """Read what begins at *at*; None for what is nothing we know."""
    octets, size = data, len(data)
    if size - at < _BIND:
        return None
    kind, first, start = NOTHING, octets[at], 0
    if first == _VOICE:
        kind, start = VOICE, at + 19
        if octets[at + 17] << 8 | octets[at + 18] != size - start:
            return None
    elif first == _VIDEO:
        kind, start = VIDEO, at + (24 if octets[at + 20] == 2 else 20)
    elif first == _BY_SERVER and octets[at + 7] == _SCREEN:
        kind, start = SCREEN, at + 27
    elif first == _SCREEN:
        kind, start = SCREEN, at + 20
    elif 0x21 <= first <= 0x23:
        kind, start = REPORT, at + 16
    if not start or size - start < _RTP or octets[start] & 0xC0 != 0x80:
        return (_bind(data, at) or _bind(data, at + 7)) if first & 0xFE == _BINDS else None
    inner = Inner.__new__(Inner)  # without the call that `__init__` would be
    inner.kind, inner.start, inner.meeting, inner.use = kind, start, b"", NOTHING
    return inner


def _bind(data: bytes, at: int) -> Inner | None:
    octets = data
    if len(data) - at < _BIND or octets[at] & 0xFE != _BINDS or octets[at + 1] != 1:
        return None
    use = octets[at + 22]
    if octets[at + 18] != 1 or not VOICE <= use <= VIDEO:
        return None
    inner = Inner.__new__(Inner)
    inner.kind, inner.start, inner.use = BIND, at, use
    inner.meeting = octets[at + 2 : at + 18]
    return inner


def read_direct(data: bytes) -> Attempt | None:
    """Read what one client says to another to reach it; None for anything else."""
    size = len(data)
    if size < _DIRECT or data[0] != DIRECT or data[1] != 2:
        return None
    length = u32_at(data, 24)
    end = 28 + length
    if not 0 < length <= _LONGEST or size != end + 4 + _UUID + 4:
        return None
    if u32_at(data, end) != _UUID or u32_at(data, size - 4):
        return None
    address, call = _address(data[28:end]), _call(data[end + 4 : end + 4 + _UUID])
    port = data[22] << 8 | data[23]
    return Attempt(address, port, call) if address and call and port else None


@lru_cache(maxsize=256)  # said again and again until an answer comes
def _address(text: bytes) -> str:
    """Return an address as it is written elsewhere; empty for what is none."""
    try:
        return str(ip_address(text.decode("ascii")))
    except ValueError:
        return ""


@lru_cache(maxsize=256)
def _call(text: bytes) -> bytes:
    """Return the 16 bytes of a UUID; empty for what is none."""
    try:
        found = bytes.fromhex(text.replace(b"-", b"").decode("ascii"))
    except ValueError:
        return b""
    return found if len(found) == ID else b""


def question(data: bytes) -> bytes:
    """Return the id of a question of Zoom's own STUN; empty for anything else."""
    fits = len(data) == _QUESTION and data[:4] == _ASKS and data[20:] == _NOTHING
    return data[4:20] if fits else b""


def told(data: bytes) -> tuple[bytes, str, int] | None:
    """Return the id of an answer of Zoom's own STUN, and where who asked is seen; None for
    anything else.
    """
    octets = data
    if len(data) != _TOLD or data[:4] != _TELLS or data[20:26] != _SEEN:
        return None
    address = f"{octets[28]}.{octets[29]}.{octets[30]}.{octets[31]}"
    return data[4:20], address, octets[26] << 8 | octets[27]
