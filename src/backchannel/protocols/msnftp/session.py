"""One MSNFTP connection: lines and blocks in, events and the file out.

Holds at most one line a side; file bytes are handed on at once. A gap amid the file is counted, not
feared: blocks of one transfer are equally long, so the next block's head has its place.
"""

import re

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Anomaly, Gap, OfferAnswer
from backchannel.model import MORE, Capability, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.framed import Framed
from backchannel.protocols.msnftp import wire
from backchannel.protocols.msnftp.context import FileInvitation
from backchannel.protocols.msnp.names import account, number
from backchannel.reader import WireError

MAX_SIZE = 1 << 40
USUAL_BLOCK = 2045
"""What all known programs send, until a block of this transfer was seen."""
_HELLO = re.compile(rb"VER MSNFTP(?: [A-Z_]{1,20})*\r?\n")
_OPENING = b"VER MSNFTP"
_BYE = {
    "1": "",
    "16777987": "",
    "16777989": "",
    "2147942405": "out of disk space",
    "2164261682": "cancelled by the receiver",
    "2164261683": "cancelled by the sender",
    "2164261694": "connection blocked",
}


def recognise(peek: Peek) -> Claim | More | None:
    """Claim the first line of either side."""
    if peek.transport != "tcp":
        return None
    waiting = False
    for data in (peek.client, peek.server):
        if _HELLO.match(data):
            return Claim("msnftp", evidence="VER MSNFTP")
        waiting = waiting or bool(data and data[:10] == _OPENING[: len(data)] and len(data) < 64)
    return MORE if waiting else None


class Session(Framed):
    """Both directions of one connection."""

    def __init__(self, start: Start) -> None:
        super().__init__()
        self.service = "msn"
        context = start.context
        self._told_of = context if isinstance(context, FileInvitation) else None
        self._hello: set[Side] = set()
        self._receiver = self._told_of.recipient if self._told_of else ""
        self._sender = self._told_of.sender if self._told_of else ""
        self._sending: Side | None = None
        """Who sends blocks, once FIL was said."""
        self._size = self._told_of.size if self._told_of else None
        self._at = 0
        """Offset in the file of the next byte."""
        self._left = 0
        """Bytes of the current block that are still to come."""
        self._block = 0
        self._skip = 0
        """Bytes to pass over, of a block's head that a gap broke."""
        self._lost: set[Side] = set()
        """Sides of which the next line may begin in its middle."""
        self._amid: set[Side] = set()
        """Those of which it did: its rest is passed over."""
        self._open = self._closed = self._started = False
        self._key = self._told_of.key if self._told_of else "file"
        self._doubt = ""
        """Set when the receiver shows another cookie than was announced."""

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        self._deaf.discard(side)
        buffer = self._buffers[side]
        held = len(buffer)
        buffer.clear()
        if side is self._sending:
            self._started = True
            self._pass_over(size + held)
        else:
            self._lost.add(side)
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        self._buffers[side].clear()
        self._deaf.add(side)
        if len(self._deaf) < len(Side):
            return []
        self.done = True
        told: list[Output] = []
        if self._doubt:
            told.append(Anomaly(kind="wrong-cookie", detail=self._doubt))
        return told + self._close()

    @property
    def aligned(self) -> bool:
        """Whether the line came with which either side begins."""
        return bool(self._hello)

    # -- lines ---------------------------------------------------------------------------------

    def _step(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        """Take one line or piece of a block off *buffer*; False means "need more"."""
        if side is self._sending and (self._started or buffer[0] < 2):
            self._started = True
            return self._blocks(buffer, told)
        if side in self._amid:
            end = buffer.find(b"\n") + 1
            del buffer[: end or len(buffer)]
            if not end:
                return False
            self._amid.discard(side)
            return True
        try:
            line = wire.take_line(buffer)
        except WireError:
            if side not in self._lost:
                raise
            self._amid.add(side)
            return True
        if line is None:
            return False
        self._lost.discard(side)
        told += self._line(side, line)
        return True

    def _line(self, side: Side, line: wire.Line) -> list[Output]:
        if line.name == "VER":
            self._hello.add(side)
            if len(self._hello) == len(Side):
                self.standing = Standing.PARSED
            return []
        if line.name == "USR":
            return self._user(line)
        if line.name == "FIL":
            self.standing = Standing.PARSED
            self._sending = side
            if self._doubt:  # the sender took the cookie: it was announced for another transfer
                self._forget_announcement()
            self._size = number(line.word(0), MAX_SIZE) if line.word(0).isdigit() else None
            return self._begin()
        if line.name == "BYE":
            return self._bye(side, line.word(0))
        if line.name == "CCL":
            return self._cancelled(side)
        return []

    def _user(self, line: wire.Line) -> list[Output]:
        """`USR account cookie`: the receiver names itself."""
        named, cookie = account(line.word(0)), line.word(1)
        told: list[Output] = []
        known = self._told_of
        if known and known.auth and cookie != known.auth:
            self._doubt = f"shown by {named}"
        elif known and known.recipient and named != known.recipient:
            detail = f"{named} fetches what was offered to {known.recipient}"
            told.append(Anomaly(kind="stranger-fetches-file", detail=detail))
        self._receiver = named or self._receiver
        return told

    def _forget_announcement(self) -> None:
        self._told_of, self._doubt, self._sender, self._key = None, "", "", "file"

    def _bye(self, side: Side, code: str) -> list[Output]:
        reason = _BYE.get(code, f"code {code[:12]}")
        told: list[Output] = []
        if reason and not self._whole():
            told.append(self._refusal(side, reason))
        return told + self._close()

    def _cancelled(self, side: Side) -> list[Output]:
        return [self._refusal(side, "cancelled"), *self._close()]

    def _refusal(self, side: Side, reason: str) -> OfferAnswer:
        ours = (
            (self._sender, self._receiver)
            if side is self._sending
            else (self._receiver, self._sender)
        )
        return OfferAnswer(
            use=Capability.FILE_TRANSFER,
            sender=ours[0],
            recipient=ours[1],
            id=self._told_of.cookie if self._told_of else "",
            accepted=False,
            reason=reason,
        )

    # -- the file ------------------------------------------------------------------------------

    def _begin(self) -> list[Output]:
        if self._open:
            return []
        self._open = True
        known = self._told_of
        return [
            FileOpen(
                key=self._key,
                shared=known is not None,
                name=known.name if known else "",
                size=self._size,
                sender=self._sender,
                recipient=self._receiver,
                id=known.cookie if known else "",
            )
        ]

    def _blocks(self, buffer: bytearray, told: list[Output]) -> bool:
        if self._skip:
            passed = min(self._skip, len(buffer))
            del buffer[:passed]
            self._skip -= passed
            return True
        if not self._left:
            if self._whole() and buffer[0] > 1:
                self._sending = None  # lines may follow the file
                return True
            head = wire.take_block(buffer)
            if head is None:
                return False
            if head.last and not self._whole():
                told.append(self._refusal(self._sending or Side.SERVER, "cancelled"))
            self._left = self._block = head.size
            return True
        data = bytes(buffer[: self._left])
        del buffer[: len(data)]
        self._left -= len(data)
        told += self._data(data)
        return True

    def _data(self, data: bytes) -> list[Output]:
        at, self._at = self._at, self._at + len(data)
        if self._size is not None:
            data = data[: max(0, self._size - at)]
        told: list[Output] = []
        if data and not self._closed:
            shared = self._told_of is not None
            told.append(FileData(key=self._key, offset=at, data=data, shared=shared))
        return told + (self._close() if self._whole() else [])

    def _pass_over(self, size: int) -> None:
        """*size* bytes of blocks are missing: those in the file move its offset, heads do not."""
        while size > 0:
            if not self._left:
                rest = max(0, (self._size or 0) - self._at)
                self._left = min(self._block or USUAL_BLOCK, rest)
                self._skip = max(0, wire.HEADER - size)
                size -= wire.HEADER
                if not self._left:
                    return
                continue
            passed = min(size, self._left)
            self._left -= passed
            self._at += passed
            size -= passed

    def _whole(self) -> bool:
        return self._size is not None and self._at >= self._size

    def _close(self) -> list[Output]:
        if self._closed or not self._open:
            return []
        self._closed = True
        return [FileClose(key=self._key, shared=self._told_of is not None)]
