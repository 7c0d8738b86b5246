"""One IRC connection: lines of both sides in, events out.

Holds at most one line a side (16 KiB), the bounded tables of `State`, and nothing of what people
say but the latest texts of our own client. Behind STARTTLS the first 16 KiB are shown to whoever
reads TLS; behind the greeting of two servers nothing more is read.
"""

from backchannel.effects import Inner, InnerEnd, Open
from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.irc import client, server
from backchannel.protocols.irc.link import Link
from backchannel.protocols.irc.numerics import NUMERICS, welcome
from backchannel.protocols.irc.recognise import recognise
from backchannel.protocols.irc.state import State
from backchannel.protocols.irc.wire import Line, read, take
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]

PROVED = 3
"""What known lines must weigh for the claim to count as parsed; see `_weight`."""
FOREIGN = 8
"""Lines in succession that are none, after which they are not told of: the next one may be sound,
as servers pass over what they do not know, and whoever hides an offer begins with such.
"""
TLS_LOOK = 16_384
_TLS = "tls"
_HANDSHAKE = b"\x16\x03"
_GREETING = frozenset({"SERVER", "CAPAB", "PROTOCTL"})
_REGISTERING = frozenset({"PASS", "NICK", "USER", "CAP", "PING", "QUIT"})
"""What a client may say before it is let in, and to whom it knows not."""
_UNSIGNED = frozenset({"NOTICE", "PING", "ERROR", "CAP", "AUTHENTICATE", "PASS"}) | _GREETING
"""What servers say without a source; other words may be an echo, as of IMAP's tags."""


class _Lane:
    """One side: what is there of a line, and whether its beginning may be missing."""

    __slots__ = ("buffer", "foreign", "hunting", "inside")

    def __init__(self, *, hunting: bool) -> None:
        self.buffer = bytearray()
        self.hunting = hunting
        self.inside = False
        """The rest of a line that is too long is passed over."""
        self.foreign = 0


class Session:
    """Both directions of one connection."""

    def __init__(self, start: Start) -> None:
        self.service = "irc"
        self.standing = Standing.CLAIMED
        self.done = False
        self._state = State(start)
        self._lanes = [_Lane(hunting=not start.begun), _Lane(hunting=not start.begun)]
        self._midway = not start.begun
        self._link: Link | None = None
        self._passwords: dict[Side, Line] = {}
        self._known = self._unknown = 0
        self._answered: bool | None = None
        """Whether a line that the server said is known; None while it says nothing, or that may be
        among what was lost.
        """
        self._registered = False
        """The client does what one may who is let in."""
        self._ended: set[Side] = set()
        self._asks_tls = False
        """The client's last line was STARTTLS."""
        self._shown = -1
        """Bytes that were shown inside STARTTLS; -1 before it."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if self.done:
            return []
        if self._shown >= 0:
            return self._inner(side, data)
        lane = self._lanes[side]
        lane.buffer += data
        told: list[Output] = []
        while not self._is_over() and self._step(side, lane, told):
            if self._state.tls:
                told += self._secured(side, lane)
                break
        return told

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; lines go on behind the next end of one."""
        self._lanes[side] = _Lane(hunting=True)
        if side is Side.SERVER and not self._unknown:
            self._answered = self._answered or None
        told: list[Output] = [Gap(size=size)]
        if self._shown >= 0 and not self.done:
            told += self._over()
        return told

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        self._ended.add(side)
        self._lanes[side].buffer.clear()
        if len(self._ended) < len(Side):
            return []
        if self._answered is False and self.standing is Standing.CLAIMED and not self._midway:
            self.standing = Standing.REFUTED  # who was asked speaks something else
        elif self._answered is None:
            self._registered = True  # only the client was captured
            self._judge()
        return list(self._state.server_password())

    def _is_over(self) -> bool:
        return self.done or self.standing is Standing.REFUTED

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a line and not ended it."""
        return bool(self._lanes[side].buffer)

    @property
    def aligned(self) -> bool:
        """Whether all bytes so far were whole lines that are known."""
        return bool(self._known) and not self._unknown and not any(self._ragged(s) for s in Side)

    def _ragged(self, side: Side) -> bool:
        lane = self._lanes[side]
        return bool(lane.buffer) or lane.inside or lane.foreign > 0

    # -- lines ---------------------------------------------------------------------------------

    def _step(self, side: Side, lane: _Lane, told: list[Output]) -> bool:
        """Take one line off the buffer of *side*; say whether there was one, or its end."""
        if side is Side.SERVER and not lane.hunting and lane.buffer[:1].strip():
            self._answered = self._answered or False  # by a line that may yet prove to be known
        if self._asks_tls and side is Side.CLIENT and lane.buffer.startswith(_HANDSHAKE):
            self._state.tls = True  # it was granted, though the answer was not captured
            return True
        try:
            raw = take(lane.buffer)
        except WireError as error:
            if not lane.inside:
                self._strange(lane, error, told)
            lane.inside = True
            return True
        if raw is None:
            return False
        if lane.inside or not raw:
            lane.inside = False
            return True
        try:
            line = read(raw)
        except WireError as error:
            self._strange(lane, error, told)
            return True
        lane.foreign = 0
        if side is Side.CLIENT:
            self._asks_tls = line.command == "STARTTLS"
        weight, hunting = self._weight(side, line), lane.hunting
        lane.hunting = False
        if hunting and not weight:
            return True  # it may have begun before
        self._weigh(side, line, weight)
        if self.standing is not Standing.REFUTED:
            told += self._line(side, line)
        return True

    def _strange(self, lane: _Lane, error: WireError, told: list[Output]) -> None:
        if lane.hunting:
            lane.hunting = False
            return
        lane.foreign += 1
        if lane.foreign <= FOREIGN:
            told.append(Malformed(reason=str(error)))
        self._unknown += 1
        self._judge()

    def _weight(self, side: Side, line: Line) -> int:
        """Return 0 for a command that is not known, 2 for what looks like nothing else."""
        name = line.command
        if name.isdigit():
            return 2 if line.source else 0
        if name in _GREETING or (name == "PASS" and side is Side.SERVER):
            return 1
        if side is Side.CLIENT:
            if name not in client.COMMANDS and name not in client.SILENT:
                return 0
            return 2 if name == "USER" and len(line.words) >= 4 else 1
        if name not in server.MESSAGES and name not in server.SILENT:
            return 0
        return 2 if "!" in line.source and "@" in line.source else 1

    def _weigh(self, side: Side, line: Line, weight: int) -> None:
        if not weight:
            self._unknown += 1
        elif side is Side.SERVER:
            self._answered = self._answered or bool(line.source) or line.command in _UNSIGNED
        elif line.command not in _REGISTERING:
            self._registered = True
        self._known += weight
        self._judge()

    def _judge(self) -> None:
        """What a client says to be let in proves nothing where the server says something else: it
        may be the web's, or mail's.
        """
        heard = self._answered or (self._answered is None and self._registered) or self._midway
        if self.standing is Standing.CLAIMED:
            if heard and self._known >= PROVED and self._known > 2 * self._unknown:
                self.standing = Standing.PARSED
            elif self._unknown > self._known:
                self.standing = Standing.REFUTED

    def _line(self, side: Side, line: Line) -> list[Output]:
        if self._link is not None or (line.command in _GREETING and not self._state.nick):
            return self._linking(side, line)
        if line.command == "PASS":
            self._passwords[side] = line
        if line.command.isdigit():
            tell = NUMERICS.get(line.command) if side is Side.SERVER else None
            if self._midway and tell is not welcome:
                self._state.meet(line.word(0))
        elif side is Side.CLIENT:
            tell = client.COMMANDS.get(line.command)
        elif server.is_past(self._state, line):
            tell = server.PAST.get(line.command)
        else:
            tell = server.MESSAGES.get(line.command)
        return list(tell(self._state, line)) if tell is not None else []

    def _linking(self, side: Side, line: Line) -> list[Output]:
        """Two servers greet each other."""
        if self._link is None:
            self._link = Link()
            for whose, said in self._passwords.items():
                self._link.password(whose, said)
            self._state.password = ""
        if line.command == "PASS":
            self._link.password(side, line)
        told = list(self._link.take(side, line))
        if self._link.over:
            self.done = True
        return told

    # -- STARTTLS ------------------------------------------------------------------------------

    def _secured(self, side: Side, lane: _Lane) -> list[Output]:
        """TLS begins behind the line that was just read."""
        self._shown = 0
        self.standing = Standing.PARSED
        rest = bytes(lane.buffer)
        for each in self._lanes:
            each.buffer.clear()
        opened: list[Output] = [Open(channel=_TLS)]
        return opened + (self._inner(side, rest) if rest else [])

    def _inner(self, side: Side, data: bytes) -> list[Output]:
        """Show the beginning of what is inside to whoever reads TLS."""
        if not self._shown and data[:1] == b"\n":
            data = data[1:]  # the rest of the end of the line before
        if not data:
            return []
        room = TLS_LOOK - self._shown
        self._shown += len(data)
        told: list[Output] = [Inner(side=side, data=data[:room], channel=_TLS)]
        return told + (self._over() if self._shown >= TLS_LOOK else [])

    def _over(self) -> list[Output]:
        self.done = True
        return [InnerEnd(channel=_TLS)]
