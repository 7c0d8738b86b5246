"""One direct conversation: frames of both sides in, messages, typing and images out.

Holds at most one header and what `Payload` holds a side.
"""

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Gap, Message, Typing
from backchannel.model import Capability, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.odc import wire
from backchannel.protocols.odc.payload import Begin, Part, Payload, Piece, Text
from backchannel.protocols.odc.wire import Header
from backchannel.protocols.oft import proxy
from backchannel.protocols.oft.peers import WAIT, Lane, PeerSession, claimed
from backchannel.protocols.oscar.contexts import Meeting
from backchannel.protocols.oscar.markup import readable
from backchannel.protocols.oscar.wire import same
from backchannel.reader import WireError


class _Lane(Lane):
    """One side: who speaks, the payload under way, and the image in it."""

    def __init__(self, *, hunting: bool, name: str = "") -> None:
        super().__init__(hunting=hunting)
        self.payload: Payload | None = None
        self.key = ""
        self.name = name


class Session(PeerSession):
    """Decodes one connection. See the module for the bounds."""

    _lanes: list[_Lane]

    def __init__(self, start: Start) -> None:
        hunting = not start.begun
        lanes = [_Lane(hunting=hunting), _Lane(hunting=hunting)]
        super().__init__(start, lanes, wire.HEADER, wire.LOOK)
        self._meeting = start.context if isinstance(start.context, Meeting) else None
        self._cookie = b""
        self._images = 0

    @property
    def service(self) -> str:
        """Return `icq` where the speakers are numbers; else `aim`."""
        names = "".join([lane.name for lane in self._lanes])
        return "icq" if names.isascii() and names.isdigit() else "aim"

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen: part of a payload, or more than that."""
        lane, out = self._lanes[side], list[Output]([Gap(size=size)])
        payload = lane.payload
        inside = payload is not None and size <= payload.left
        if payload is not None:
            self._tell(side, lane, payload.skip(min(size, payload.left)), out)
        if not inside:
            self._lanes[side] = _Lane(hunting=True, name=lane.name)
        elif payload is not None and not payload.left:
            lane.payload = None
        return out

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        lane, parts, out = self._lanes[side], list[Part](), list[Output]()
        if lane.payload is not None:
            lane.payload.stop(parts)
            self._tell(side, lane, parts, out)
            lane.payload = None
        lane.held = b""
        return out

    def _step(self, side: Side, data: bytes, at: int, out: list[Output]) -> int:
        lane = self._lanes[side]
        payload = lane.payload
        if payload is None:
            return self._frame(side, data, at, out)
        piece = data[at : at + payload.left]
        self._tell(side, lane, payload.feed(piece), out)
        if not payload.left:
            lane.payload = None
        return at + len(piece)

    def _met(self) -> None:
        self._lanes[Side.CLIENT].name = self._guest.account

    def _header(self, side: Side, data: bytes, at: int, out: list[Output]) -> int:
        if len(data) < at + 6:
            return WAIT
        stop = at + wire.size_of(data[at : at + 6])
        if len(data) < stop:
            return WAIT
        header = wire.read_header(data[at:stop])
        self.standing = Standing.PARSED
        lane = self._lanes[side]
        lane.name, self._cookie = header.name or lane.name, header.cookie
        if header.flags & wire.TYPING_FRAME:
            active = bool(header.flags & wire.TYPING)
            recipient = self._recipient(side)
            out.append(Typing(sender=lane.name, recipient=recipient, active=active))
        if header.size:
            lane.payload = Payload(header)
        return stop

    def _recipient(self, side: Side) -> str:
        """Return who listens: as the other side names itself, or as it was announced."""
        if name := self._lanes[side.other].name:
            return name
        meeting = self._meeting
        if meeting is None or meeting.cookie != self._cookie.hex():
            return ""
        ours = same(meeting.sender, self._lanes[side].name)
        return meeting.recipient if ours else meeting.sender

    def _tell(self, side: Side, lane: _Lane, parts: list[Part], out: list[Output]) -> None:
        for part in parts:
            if isinstance(part, Text):
                self._message(side, part.text, lane.payload.header if lane.payload else None, out)
            elif isinstance(part, Begin):
                self._images += 1
                lane.key = str(self._images)
                out.append(self._image(side, lane, part))
            elif isinstance(part, Piece):
                out.append(FileData(key=lane.key, offset=part.offset, data=part.data))
            else:
                out.append(FileClose(key=lane.key))

    def _message(self, side: Side, sent: str, header: Header | None, out: list[Output]) -> None:
        if not sent:
            return
        auto = header is not None and header.flags & wire.AUTO_RESPONSE
        text, markup = readable(sent, escaped=True)
        out.append(
            Message(
                sender=self._lanes[side].name,
                recipient=self._recipient(side),
                text=text,
                kind="auto-response" if auto else "text",
                size=len(text),
                markup=markup,
            )
        )

    def _image(self, side: Side, lane: _Lane, part: Begin) -> FileOpen:
        return FileOpen(
            key=lane.key,
            use=Capability.IMAGE,
            name=part.name,
            size=part.size,
            sender=lane.name,
            recipient=self._recipient(side),
            id=self._cookie.hex(),
        )


def recognise(peek: Peek) -> Claim | More | None:
    """Say whether two clients converse directly here, or by way of the rendezvous proxy."""
    return claimed("odc", peek, wire.HEADER, _judge)


def _judge(data: bytes) -> str | None:
    """Return evidence; "" where these bytes cannot be ODC; None where they do not tell yet."""
    wanted = None
    try:
        proxied = proxy.begins(data[:4])
        if proxied is None:
            return None
        if proxied:
            wanted, rest = proxy.opening(data)
            data = data[rest:]
        if wanted not in (None, "", "direct im") or data[:4] != wire.MAGIC[: len(data[:4])]:
            return ""
        if len(data) >= wire.SIZE and len(data) >= wire.size_of(data):
            wire.read_header(data[: wire.size_of(data)])
            return "ODC header"
    except WireError:
        return ""
    return "rendezvous proxy frame for a direct conversation" if wanted == "direct im" else None
