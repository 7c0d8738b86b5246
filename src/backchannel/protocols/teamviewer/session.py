"""A connection between a TeamViewer program and one of its servers, or between two programs.

    version 1   17 24 | command u8 | bytes u16 | body
    version 2   11 30 | command u8 | 00 | bytes u32 | number u32 | acknowledged u32 | u32
                | bytes of this header u32, 24 | body
    over UDP    number u32 | acknowledged u32 | 3 bytes | version 1, to the datagram's end

Over TCP the client opens with command 0a of version 1, of 32 bytes; the server answers alike or in
version 2. All behind it is encrypted. Numbers are little-endian. Amid a connection, messages of
version 2 count up. A datagram that repeats one of the other side proves nothing: an echo does as
much. Held: 37 bytes of each side, AMID of a connection met on its way, or SAID digests.
"""

from hashlib import sha256

from backchannel.events import Gap, Software
from backchannel.model import LATER, MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start

OPENING = b"\x17\x24\x0a\x20\0"
_FIRST = len(OPENING) + 32
_MAGICS = b"\x17\x24", b"\x11\x30"
"""What messages begin with, in the first version and in the second."""
_HEADER = 24
"""Bytes of a header of version 2."""
_MOST = 0xFFFF
"""Bytes of a server's first message; it had 24."""
_AT, _BEHIND = 11, 16
"""In a datagram: where the message begins, and where its body does."""

AMID = 4096
"""Bytes of each side of a connection met on its way in which messages are counted."""

SAID = 8
"""Datagrams of each side that are remembered."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim what both sides open as TeamViewer does, or datagrams that are whole messages."""
    if peek.transport == "udp":
        return _datagrams(peek)
    if peek.transport != "tcp":
        return None
    client, server = opens(peek.client), answers(peek.server)
    if client is False or server is False or not peek.client:
        return None if peek.begun else _amid(peek.client, peek.server)
    if client and server:
        version = 1 if opens(peek.server) else 2
        return Claim("teamviewer", evidence=f"17 24 0a and 32 bytes, and version {version} back")
    alone = peek.begun and client and not peek.server
    return LATER if alone else MORE  # its answer shows it


def _amid(client: bytes, server: bytes) -> Claim | More | None:
    """Claim two messages of one side that follow each other, or one of each."""
    if follow(client, server):
        return Claim("teamviewer", evidence="two messages of version 2 amid a connection")
    return MORE if any(answers(data) is not False for data in (client, server) if data) else None


def follow(client: bytes, server: bytes) -> bool:
    """Say whether what both sides said amid a connection shows TeamViewer."""
    said = messages(client), messages(server)
    return max(said) > 1 or all(said)


def messages(data: bytes) -> int:
    """Count the messages of version 2 that follow each other, by their headers, the first of which
    begins *data*.
    """
    at = count = number = 0
    while len(data) - at >= _HEADER:
        size, said = (int.from_bytes(data[at + n : at + n + 4], "little") for n in (4, 8))
        if not answers(data[at : at + _HEADER]) or data[at : at + 2] != _MAGICS[1]:
            break
        if count and said != (number + 1) % 2**32:
            break
        at, count, number = at + _HEADER + size, count + 1, said
    return count


def _datagrams(peek: Peek) -> Claim | More | None:
    sides = [data for data in (peek.client, peek.server) if data]
    if not sides or not all(map(whole, sides)) or peek.client == peek.server:
        return None  # an echo repeats what it hears
    if len(sides) > 1:
        return Claim("teamviewer", evidence="17 24 and the size at byte 11, from both sides")
    if not any(sides[0][: _AT - 1]):
        return Claim("teamviewer", evidence="10 bytes of zero, 17 24 and the size at byte 11")
    return MORE


def opens(data: bytes) -> bool | None:
    """Say whether a side opens as TeamViewer's client does; None: "need more"."""
    if data[: len(OPENING)] != OPENING[: len(data)]:
        return False
    following = data[_FIRST : _FIRST + 2]
    if following and not any(each.startswith(following) for each in _MAGICS):
        return False
    return True if len(data) >= _FIRST else None


def answers(data: bytes) -> bool | None:
    """Say whether a side answers as TeamViewer's server does; None: "need more"."""
    if data[:2] != _MAGICS[1][: len(data)]:
        return opens(data)
    if len(data) < _HEADER:
        return None
    size, header = int.from_bytes(data[4:8], "little"), int.from_bytes(data[20:24], "little")
    return data[3] == 0 and size <= _MOST and header == _HEADER


def whole(data: bytes) -> bool:
    """Say whether a datagram is one message, to its last byte."""
    size = int.from_bytes(data[_BEHIND - 2 : _BEHIND], "little")
    return data[_AT : _AT + 2] == _MAGICS[0] and len(data) == _BEHIND + size


class Session:
    """Both sides of one flow."""

    def __init__(self, start: Start) -> None:
        self.service = "teamviewer"
        self.standing = Standing.CLAIMED
        self.done = False
        self._udp = start.transport == "udp"
        self._begun = start.begun
        self._heard = dict.fromkeys(Side, b"")
        self._said: dict[Side, tuple[bytes, ...]] = dict.fromkeys(Side, ())
        """Digests of each side's datagrams."""
        self._fits: dict[Side, bool | None] = dict.fromkeys(Side)

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*, or its next in-order bytes; return what they meant."""
        if self.done or (self._fits[side] and not self._udp):
            return []
        if not (self._udp or self._begun):
            return self._counted(side, data)
        fits = self._datagram(side, data) if self._udp else self._stream(side, data)
        self._fits[side] = self._fits[side] or fits
        if self._fits[side] is False:
            self.standing, self.done = Standing.REFUTED, True
        elif all(self._fits.values()):
            self.standing, self.done = Standing.PARSED, True
            return [Software(name="TeamViewer")]
        return []

    def _counted(self, side: Side, data: bytes) -> list[Output]:
        """Take what *side* says where nobody saw the connection begin: how it opens, or what comes
        amid it, which may begin amid a message.
        """
        self._heard[side] = (self._heard[side] + data)[:AMID]
        client, server = self._heard[Side.CLIENT], self._heard[Side.SERVER]
        opened = opens(client[:_FIRST]) and answers(server[:_FIRST])
        if not opened and not follow(client, server):
            self.done = all(len(heard) == AMID for heard in self._heard.values())
            return []
        self.standing, self.done = Standing.PARSED, True
        return [Software(name="TeamViewer")]

    def _datagram(self, side: Side, data: bytes) -> bool | None:
        """Say whether it is a message of *side*; None: the other side said it before."""
        if not whole(data):
            return False
        digest, theirs = sha256(data).digest(), self._said[Side(1 - side)]
        if digest in theirs:
            return None
        self._said[side] = (*self._said[side], digest)[-SAID:]
        return True

    def _stream(self, side: Side, data: bytes) -> bool | None:
        heard = self._heard[side] = (self._heard[side] + data)[:_FIRST]
        return opens(heard) if side is Side.CLIENT else answers(heard)

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - of either side
        """*size* bytes of *side* were never seen: all that follows is encrypted."""
        self.done = True
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is held that would mean anything."""
        return []
