"""One OFT connection: headers and file data of both sides in, files and listings out.

Either side may send files. A header offers a file (or the part of it that is missing, or a
listing); once the other side accepts, the file's bytes follow, and then the next header. Holds at
most one header a side, and 1 MiB of a listing.
"""

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Download, Gap, Share
from backchannel.model import Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.oft import listing, proxy, wire
from backchannel.protocols.oft.parties import Parties
from backchannel.protocols.oft.peers import WAIT, Lane, PeerSession, claimed
from backchannel.protocols.oft.wire import Checksum, Header
from backchannel.reader import WireError

LISTING_LIMIT = 1 << 20


class _File:
    """A file, or a listing, whose bytes are coming."""

    __slots__ = ("at", "header", "key", "listing", "size", "sum", "whole")

    def __init__(self, header: Header, key: str) -> None:
        resumed = header.type == wire.RESUME_PROMPT
        self.header, self.key, self.size = header, key, header.size
        self.at = min(header.received, header.size) if resumed else 0
        self.sum = Checksum(header.received_checksum if resumed else 0xFFFF0000)
        self.whole = True
        self.listing = bytearray() if header.type == wire.LISTING else None

    def take(self, piece: bytes) -> None:
        """Count the next bytes; those of a listing are kept up to the first hole."""
        self.sum.add(piece, self.at)
        self.at += len(piece)
        if self.listing is not None and self.whole:
            self.listing += piece[: LISTING_LIMIT - len(self.listing)]

    def verified(self) -> bool | None:
        """What the checksum says, where there is one and nothing is missing."""
        if not self.whole or self.at < self.size or self.header.checksum in wire.NOT_COMPUTED:
            return None
        return self.sum.agrees(self.header.checksum)


class _Lane(Lane):
    """One side: what it offered, and the file under way."""

    def __init__(self, *, hunting: bool) -> None:
        super().__init__(hunting=hunting)
        self.offer: Header | None = None
        self.wanted: bool | None = None
        """Whether the other side accepted the offer; None while it has not answered."""
        self.file: _File | None = None


class Session(PeerSession):
    """Decodes one connection. See the module for the bounds."""

    _lanes: list[_Lane]

    def __init__(self, start: Start) -> None:
        hunting = not start.begun
        lanes = [_Lane(hunting=hunting), _Lane(hunting=hunting)]
        super().__init__(start, lanes, wire.HEADER, wire.LOOK)
        self._parties = Parties(start)
        self._files = 0

    @property
    def service(self) -> str:
        """Return `icq` where the accounts are numbers; else `aim`."""
        return self._parties.service

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen: part of a file, or more than that."""
        lane, out = self._lanes[side], list[Output]([Gap(size=size)])
        file = lane.file
        if file is not None and size <= file.size - file.at:
            file.at += size
            file.whole = False
            if file.at == file.size:
                self._close(lane, file, out)
        elif file is not None:
            file.whole = False
            self._close(lane, file, out)
            self._lanes[side] = _Lane(hunting=True)
        else:
            self._lanes[side] = _Lane(hunting=True)
        return out

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more: a file under way stays incomplete."""
        lane, out = self._lanes[side], list[Output]()
        if lane.held and lane.offer is not None and lane.wanted is None:
            self._open(lane, lane.offer, out)  # too short to be a header
        if lane.held and lane.file is not None:
            self._data(lane, lane.file, lane.held, 0, out)
        if lane.file is not None:
            lane.file.whole = False
            self._close(lane, lane.file, out)
        lane.held = b""
        return out

    def _step(self, side: Side, data: bytes, at: int, out: list[Output]) -> int:
        lane = self._lanes[side]
        if lane.file is not None:
            return self._data(lane, lane.file, data, at, out)
        return self._frame(side, data, at, out)

    def _met(self) -> None:
        self._parties.guest(self._guest)

    def _header(self, side: Side, data: bytes, at: int, out: list[Output]) -> int:
        """Take a header, unless an accepted file's bytes begin here."""
        lane = self._lanes[side]
        if lane.offer is None or lane.wanted is False:
            return self._take(side, data, at, out)
        if lane.wanted is None:
            look = data[at : at + wire.LOOK]
            if len(look) < wire.LOOK and wire.MAGICS[0].startswith(look[:3]):
                return WAIT
            if wire.HEADER.match(look):
                return self._take(side, data, at, out)
        self._open(lane, lane.offer, out)
        return at

    def _take(self, side: Side, data: bytes, at: int, out: list[Output]) -> int:
        if len(data) < at + 6:
            return WAIT
        stop = at + wire.size_of(data[at : at + 6])
        if len(data) < stop:
            return WAIT
        header = wire.read_header(data[at:stop])
        self.standing = Standing.PARSED
        self._parties.saw(header)
        self._told(side, header, out)
        return stop

    def _told(self, side: Side, header: Header, out: list[Output]) -> None:
        """What a header means for this side, or for what the other side offered."""
        lane, other = self._lanes[side], self._lanes[side.other]
        if header.type in wire.OFFERS:
            lane.offer, lane.wanted = header, None
            self._parties.sends(side)
        elif header.type in wire.STARTS:
            other.wanted = True
            if other.offer is not None and other.file is None:
                self._open(other, other.offer, out)
        elif header.type in (wire.RESUME, wire.DONE):
            other.wanted = False
        elif header.type in (wire.REQUEST_FILE, wire.REQUEST_FOLDER):
            self._parties.sends(side.other)
            name = header.name + ("/" if header.type == wire.REQUEST_FOLDER else "")
            out.append(Download(name=name, account=self._parties.recipient))

    def _open(self, lane: _Lane, header: Header, out: list[Output]) -> None:
        """The bytes of what was offered begin."""
        self._files += 1
        lane.file = file = _File(header, str(self._files))
        lane.offer = None
        if file.listing is None:
            out.append(
                FileOpen(
                    key=file.key,
                    use=self._parties.use,
                    name=header.name,
                    size=header.size,
                    sender=self._parties.sender,
                    recipient=self._parties.recipient,
                    id=self._parties.cookie.hex(),
                )
            )
        if file.at == file.size:
            self._close(lane, file, out)

    def _data(self, lane: _Lane, file: _File, data: bytes, at: int, out: list[Output]) -> int:
        piece = data[at : at + file.size - file.at]
        file.take(piece)
        if file.listing is None:
            out.append(FileData(key=file.key, offset=file.at - len(piece), data=piece))
        if file.at == file.size:
            self._close(lane, file, out)
        return at + len(piece)

    def _close(self, lane: _Lane, file: _File, out: list[Output]) -> None:
        lane.file = None
        if file.listing is None:
            out.append(FileClose(key=file.key, verified=file.verified()))
        else:
            files = listing.read(bytes(file.listing), file.header)
            out.append(Share(owner=self._parties.sender, files=files, total=file.header.files))


def recognise(peek: Peek) -> Claim | More | None:
    """Say whether two clients, or a client and the rendezvous proxy, send files here."""
    return claimed("oft", peek, wire.HEADER, _judge)


def _judge(data: bytes) -> str | None:
    """Return evidence; "" where these bytes cannot be OFT; None where they do not tell yet."""
    try:
        proxied = proxy.begins(data[:4])
        if proxied is None:
            return None
        return _judge_proxy(data) if proxied else _judge_header(data)
    except WireError:
        return ""


def _judge_proxy(data: bytes) -> str | None:
    wanted, rest = proxy.opening(data)
    if wanted == "direct im" or data[rest : rest + 3] == b"ODC":
        return ""
    return None if wanted is None else "rendezvous proxy frame"


def _judge_header(data: bytes) -> str | None:
    if not any(magic.startswith(data[:4]) for magic in wire.MAGICS):
        return ""
    if len(data) < 6 or len(data) < wire.size_of(data):
        return None
    header = wire.read_header(data[: wire.size_of(data)])
    return f"OFT header of type {header.type:04x}"
