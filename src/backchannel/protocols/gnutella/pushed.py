"""What follows when a servent connects because it was asked to: it opens with one line, and then
the side that listens asks.

    GIV <index>:<servent>/<name> LF LF           answers a push         (Gnutella)
    PUSH guid:<servent> CRLF CRLF                answers a push         (Gnutella2)
    QUEUE <id> <address of the uploader> CRLF    ends a wait            (PARQ)

    GET, HEAD ...                                a download, or a browsed host      transfer.py
    CHAT CONNECT/0.x                             a chat                             chat.py
    GNUTELLA/0.6 503 <reason>                    nobody here had asked

Clip2's description of 0.4; PARQ (gtk-gnutella doc/gnutella/PARQ); Shareaza's Handshake and
ChatSession. Until the listening side has said what it wants, at most LIMIT bytes a side are held.
"""

from urllib.parse import unquote

from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.patterns import later
from backchannel.protocols import Output, Start
from backchannel.protocols.gnutella import handshake
from backchannel.protocols.gnutella.chat import Chat
from backchannel.protocols.gnutella.events import PushAnswered, QueueTurn, Refused
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.transfer import Transfer
from backchannel.text import decode

LIMIT = 1024
_QUEUE_MARK, _CHAT_MARK, _REFUSAL_MARK = b"QUEUE ", b"CHAT ", b"GNUTELLA/"
_GIV = later(r"GIV (\d{1,10}):([0-9A-Fa-f]{32})/(.*)")
_PUSH = later(r"PUSH guid:([0-9A-Fa-f]{32})\s*$")
_QUEUE = later(r"QUEUE ([0-9A-Fa-f]{32}) (\S{1,64})\s*$")
_LINE_END, _BLOCK_END = later(rb"\r?\n"), later(rb"\r?\n\r?\n")


class Pushed:
    """One connection of a servent that was asked to make it."""

    def __init__(self, start: Start, memory: Memory, opener: Side) -> None:
        """*opener*: the side that sends the line."""
        self._standing, self._over = Standing.CLAIMED, False
        self._start, self._memory, self._opener = start, memory, opener
        self._line: bytearray | None = bytearray()
        """The line as far as it has come; None once it was read."""
        self._asked = bytearray()
        self._part: Transfer | Chat | None = None

    @property
    def standing(self) -> Standing:
        """See the contract."""
        return self._part.standing if self._part else self._standing

    @property
    def done(self) -> bool:
        """See the contract."""
        return self._part.done if self._part else self._over

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if self._over:
            return []
        if self._part is not None:
            return self._part.feed(side, data)
        if side is self._opener:
            return self._opened(data)
        if self._line is not None:
            self._asked += data[: LIMIT - len(self._asked)]
            return []
        self._asked += data
        return self._choose()

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen: the rest is read as HTTP."""
        out = [] if self._part or self._over else self._begin(self._transfer())
        return out + (self._part.gap(side, size) if self._part else [Gap(size=size)])

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        out = [] if self._part or self._over else self._begin(self._transfer())
        return out + (self._part.end(side) if self._part else self._memory.summary(side))

    # -- the line ------------------------------------------------------------------------------

    def _opened(self, data: bytes) -> list[Output]:
        line = self._line
        if line is None:  # what it was asked for was not seen
            return self._begin(self._transfer(), data)
        line += data
        end = (_LINE_END if line.startswith(_QUEUE_MARK) else _BLOCK_END).search(line)
        if end is None and len(line) <= LIMIT:
            return []
        told = self._meaning(decode(bytes(line[: end.start()]))) if end else []
        if end is None or end.end() > LIMIT or not told:
            self._standing, self._over = Standing.REFUTED, True
            return [Malformed(reason="no GIV line")]
        self._standing, self._line = Standing.PARSED, None
        told += self._choose()
        rest = bytes(line[end.end() :])
        return told + self.feed(self._opener, rest) if rest else told

    def _meaning(self, line: str) -> list[Output]:
        """Return what the line says; nothing for no such line."""
        if found := _GIV.match(line):
            servent, name = found[2].lower(), unquote(found[3])[:1024]
            return [PushAnswered(servent=servent, index=int(found[1]), name=name)]
        if found := _PUSH.match(line):
            return [PushAnswered(servent=found[1].lower())]
        if found := _QUEUE.match(line):
            own = self._memory.disclosed("queue", handshake.addresses(found[2], 1))
            return [QueueTurn(id=found[1].lower()), *own]
        return []

    # -- what the other side wants -------------------------------------------------------------

    def _choose(self) -> list[Output]:
        """Hand the connection to its reader once the first bytes of the other side say which."""
        asked = self._asked
        marks = (_CHAT_MARK, _REFUSAL_MARK)
        if any(len(asked) < len(mark) and mark.startswith(asked) for mark in marks):
            return []
        if asked.startswith(_CHAT_MARK):
            return self._begin(Chat(self._memory))
        if asked.startswith(_REFUSAL_MARK):
            return self._refused(bytes(asked))
        return self._begin(self._transfer())

    def _transfer(self) -> Transfer:
        return Transfer(self._start, self._memory, asks=self._opener.other, begun=True)

    def _begin(self, part: Transfer | Chat, answer: bytes = b"") -> list[Output]:
        """Let *part* go on, with what was held, and with the first bytes of the opener."""
        part.standing = self._standing
        self._part = part
        asked, self._asked = bytes(self._asked), bytearray()
        out = part.feed(self._opener.other, asked) if asked else []
        return out + (part.feed(self._opener, answer) if answer else [])

    def _refused(self, asked: bytes) -> list[Output]:
        end = handshake.end_of_block(asked)
        if not end and len(asked) <= LIMIT:
            return []
        self._over = True
        if not 0 < end <= LIMIT or not handshake.first_line(asked):
            return [Malformed(reason="neither a request nor a refusal")]
        block = handshake.read_block(asked[:end])
        return [Refused(status=block.code, reason=block.reason[:255])]
