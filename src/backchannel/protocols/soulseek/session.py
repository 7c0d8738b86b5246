"""One connection of Soulseek: with the server, between users, or for a file. Bytes in, events out.

Frames are cut here and read by `server.py` and `peer.py`; files are `transfer.py`'s. Held a side:
one frame of at most FRAME bytes, longer ones are walked over; of a list of shares one entry and
zlib's window. Behind bytes that are no frame, and behind a gap, a side is not heard any more.
"""

from collections.abc import Iterator

from backchannel.effects import Spoken
from backchannel.events import Gap, Malformed, Share
from backchannel.model import Capability, Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.edonkey.events import PeerGreeting
from backchannel.protocols.soulseek import opening, peer, server, wire
from backchannel.protocols.soulseek.context import Call
from backchannel.protocols.soulseek.listing import Shares
from backchannel.protocols.soulseek.masked import Unmasker
from backchannel.protocols.soulseek.opening import Kind, Opening
from backchannel.protocols.soulseek.recognise import recognise
from backchannel.protocols.soulseek.talk import Talk
from backchannel.protocols.soulseek.transfer import Transfer
from backchannel.reader import Reader, WireError

__all__ = ["Session", "recognise"]

HIGHEST_CODE = 2000
PROVED = 2
"""Frames that were understood, the first one among them, after which a connection is proved."""


class _Lane:
    """One direction."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.left = 0
        """Bytes of the frame under way that are passed on or walked over."""
        self.shares: Shares | None = None
        self.deaf = False
        self.mask: Unmasker | None = None


class Session:
    """Both directions of one connection."""

    def __init__(self, start: Start) -> None:
        self.service = "soulseek"
        self.standing = Standing.CLAIMED
        self.done = False
        self._known = (start.context, *start.others)
        self._talk = Talk(start)
        self._lanes = {side: _Lane() for side in Side}
        self._opened: Opening | None = None
        self._kind: Kind | None = None
        self._transfer: Transfer | None = None
        self._frames = 0
        masked = any(isinstance(each, Call) and each.masked for each in self._known)
        self._unsure = bytearray() if masked else None
        """First bytes of a connection to a port that was announced for masked ones."""

    # -- the contract --------------------------------------------------------------------------

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        told: list[Output] = []
        lane = self._lanes[side]
        if self._unsure is not None and side is Side.CLIENT:
            self._unsure += data
            data = bytes(self._unsure)
            if len(data) < opening.PIERCE:
                return []
            self._look_for_mask(data)
        while data and not lane.deaf:
            if lane.mask is not None and self._transfer is None:
                some, data = lane.mask.feed(data)
            else:
                some, data = data, b""
            told += self._take(side, lane, some)
        return told

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen. A frame that ends behind them keeps its place."""
        lane = self._lanes[side]
        if self._transfer is not None:
            self._transfer.gap(side, size)
        elif lane.mask is None and not lane.buffer and size <= lane.left:
            lane.left -= size
            lane.shares = None
        else:
            lane.buffer.clear()
            lane.deaf = True
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        return self._transfer.end(side) if self._transfer else []

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a message and not ended it."""
        return bool(self._lanes[side].buffer)

    # -- what it is ----------------------------------------------------------------------------

    def _look_for_mask(self, data: bytes) -> None:
        """At a port announced for it, a connection that opens in no other way is masked."""
        self._unsure = None
        try:
            opening.read(data[: opening.PIERCE])
        except WireError:
            for lane in self._lanes.values():
                lane.mask = Unmasker()

    def _take(self, side: Side, lane: _Lane, data: bytes) -> list[Output]:
        """Take bytes in clear."""
        if self._transfer is not None:
            return self._moved(side, data)
        lane.buffer += data
        told: list[Output] = []
        try:
            if self._opened is None and not self._open(side, told):
                self._bound(side, lane)
                return told
            if self._kind == "?" and not self._decide(side, told):
                self._bound(side, lane)
                return told
            self._drain(side, told)
        except WireError as error:
            told.append(Malformed(reason=str(error)))
            lane.deaf = True
            lane.buffer.clear()
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
        return told

    def _bound(self, side: Side, lane: _Lane) -> None:
        """What waits until it is known what it is must not grow without end, nor unfold at once."""
        if len(lane.buffer) > 2 * opening.LOGIN:
            raise WireError(f"too many bytes of the {side.name.lower()} before an opening")

    def _open(self, side: Side, told: list[Output]) -> bool:
        """Read the client's first frame; say whether it is there."""
        lane = self._lanes[Side.CLIENT]
        found = opening.read(bytes(lane.buffer[: opening.LOGIN + 4]))
        if found is None:
            return False
        self._opened, self._kind = found, found.kind
        self._frames += 1
        call = next((each for each in self._known if isinstance(each, Call)), None)
        if found.kind != "server":
            del lane.buffer[: found.size]
            self._talk.users[Side.CLIENT] = found.user
            if call is not None:
                self._talk.users[Side.SERVER] = call.listens
                self._talk.users[Side.CLIENT] = found.user or call.connects
        if (
            found.kind == "?"
            and call
            and call.kind in ("P", "D", "F")
            and call.token == found.token
        ):
            self._kind = call.kind  # type: ignore[assignment]
        self._settled(told, side)
        return True

    def _decide(self, side: Side, told: list[Output]) -> bool:
        """Find out what follows the answer to a call; say whether that is known now."""
        for each, lane in self._lanes.items():
            guess = opening.guess(bytes(lane.buffer[: opening.LOGIN + 4]))
            if guess is None and each is side:
                raise WireError("nothing that follows the answer to a call")
            if guess in ("P", "D"):
                self._kind = guess
                self._settled(told, side)
                return True
        return False

    def _settled(self, told: list[Output], side: Side) -> None:
        """The kind is known: what the other side said so far is read, and then this one's."""
        if self._kind == "?":
            return
        if self._kind == "F":
            greeted = self._opened is not None and bool(self._opened.user)
            sender = Side.CLIENT if greeted else Side.SERVER
            self._transfer = Transfer(self._talk, sender)
            self.standing = Standing.PARSED
        if self._kind != "server":
            use = Capability.SEARCH if self._kind == "D" else Capability.FILE_SHARING
            client, server_side = (self._talk.account(each) for each in Side)
            told.append(PeerGreeting(account=client, to=server_side, use=use))
        other: list[Output] = []
        self._drain(side.other, other)
        if other:
            told += [Spoken(side=side.other), *other, Spoken(side=side)]

    # -- frames --------------------------------------------------------------------------------

    def _drain(self, side: Side, told: list[Output]) -> None:
        """Read all frames of *side* that are there."""
        lane = self._lanes[side]
        if self._transfer is not None:
            data = bytes(lane.buffer)
            lane.buffer.clear()
            told += self._moved(side, data) if data else []
            return
        while lane.buffer and self._step(side, lane, told):
            pass

    def _moved(self, side: Side, data: bytes) -> list[Output]:
        assert self._transfer is not None
        told = self._transfer.feed(side, data)
        self.done = self._transfer.done
        return told

    def _step(self, side: Side, lane: _Lane, told: list[Output]) -> bool:
        """Take what can be taken off the buffer; say whether that was anything."""
        buffer = lane.buffer
        if lane.left:
            some = bytes(buffer[: lane.left])
            del buffer[: len(some)]
            self._pass(side, lane, some, told)
            return True
        wide = 1 if self._kind == "D" else 4
        if len(buffer) < 4 + wide:
            return False
        size, code = (
            int.from_bytes(buffer[:4], "little"),
            int.from_bytes(buffer[4 : 4 + wide], "little"),
        )
        if not wide <= size <= wire.LONGEST or not self._may_be(code):
            raise WireError("no frame of Soulseek begins so")
        if self._kind == "P" and code == wire.SHARES and size > wide:
            del buffer[: 4 + wide]
            lane.left, lane.shares = size - wide, Shares()
        elif size > wire.FRAME:
            del buffer[: 4 + wide]
            lane.left, lane.shares = size - wide, None
            told.append(Malformed(reason=f"a message of {size} bytes is not read"))
        elif len(buffer) < 4 + size:
            return False
        else:
            body = bytes(buffer[4 + wide : 4 + size])
            del buffer[: 4 + size]
            self._frame(side, code, body, told)
        return True

    def _may_be(self, code: int) -> bool:
        if self._kind == "P":
            return code in wire.PEER_KINDS
        return code in wire.TREE_KINDS if self._kind == "D" else 0 < code < HIGHEST_CODE

    def _pass(self, side: Side, lane: _Lane, data: bytes, told: list[Output]) -> None:
        """Pass on bytes of a list of shares, or walk over them."""
        lane.left -= len(data)
        shares = lane.shares
        if shares is None:
            return
        try:
            shares.feed(data)
        except WireError as error:
            told.append(Malformed(reason=str(error)))
            lane.shares = None
            return
        if not lane.left:
            owner, files = self._talk.account(side), tuple(shares.told)
            told.append(Share(owner=owner, files=files, total=shares.total))
            lane.shares = None
            self._understood()

    def _frame(self, side: Side, code: int, body: bytes, told: list[Output]) -> None:
        """Read one whole message. A broken body costs no more than itself."""
        try:
            told += list(self._read(side, code, Reader(body)))
            self._understood()
        except WireError as error:
            told.append(Malformed(reason=str(error)))

    def _read(self, side: Side, code: int, reader: Reader) -> Iterator[Output]:
        if self._kind == "server":
            read = server.MESSAGES.get((side, code))
            return read(self._talk, reader) if read else iter(())
        table = peer.TREE if self._kind == "D" else peer.MESSAGES
        found = table.get(code)
        return found(self._talk, side, reader) if found else iter(())

    def _understood(self) -> None:
        self._frames += 1
        if self._frames > PROVED:
            self.standing = Standing.PARSED
