r"""One webcam connection: greetings, then frames of Mimic video. Frames are counted by, not kept.

    recipientid=R&sessionid=S\r\n\r\n   then   connected\r\n\r\n   from both
    PROD ticket TSP/1.0\r\n\r\n  or  VIEW ..   to a reflector: TSP/1.0 200 OK, CONNECTED
    frame: 24 u8 | paused u8 | width, height, key u16 | size u32 | `ML20` | id u32 | time u32 | data

Numbers are little-endian. Between frames the viewer of a reflector sends d2 04 00 00. Source: aMSN
`msncam.tcl`.
"""

import re

from backchannel.events import Gap
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.framed import Passing
from backchannel.protocols.msn_webcam.events import WebcamVideo
from backchannel.reader import WireError

HEADER = 24
MAX_LINE = 512
MAX_FRAME = 1 << 20
_HELLO = re.compile(rb"recipientid=\d{1,10}&sessionid=(\d{1,10})\r\n\r\n")
_TICKET = re.compile(rb"(?:PROD|VIEW) [!-~]{1,300} TSP/1\.0\r\n\r\n")
_WORDS = re.compile(rb"(?:connected|CONNECTED|TSP/1\.0 200 OK)\r\n\r\n")
_PARTIAL = re.compile(
    rb"r[ecipientd]{0,10}|recipientid=[\d&a-z=]{0,40}\r?\n?\r?"
    rb"|P|PR|PRO|PROD|V|VI|VIE|VIEW|(?:PROD|VIEW) [!-~]{0,300}[ TSP/1.0]{0,16}\r?\n?\r?"
)
_FRAME = re.compile(rb"\x18[\x00\x01].{8}[\x00-\x0f]\x00ML20", re.DOTALL)
_NEXT = b"\xd2\x04\x00\x00"


def recognise(peek: Peek) -> Claim | More | None:
    """Claim the caller's greeting."""
    if peek.transport != "tcp":
        return None
    for data in (peek.client, peek.server):
        if _HELLO.match(data):
            return Claim("msn-webcam", evidence="recipientid and sessionid")
        if _TICKET.match(data):
            return Claim("msn-webcam", evidence="TSP/1.0 ticket")
        if data and len(data) < MAX_LINE and _PARTIAL.fullmatch(data):
            return MORE
    return None


class Session(Passing):
    """Both directions of one connection. Holds at most one greeting or frame header a side."""

    def __init__(self, start: Start) -> None:
        super().__init__()
        self.service = "msn"
        caller, listener = start.accounts if len(start.accounts) == 2 else ("", "")
        self._names = {Side.CLIENT: caller, Side.SERVER: listener}
        self._seeking: set[Side] = set()
        self._told: set[Side] = set()
        self._session = ""

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen. Beyond one frame the next one is looked for."""
        self._buffers[side].clear()
        self._deaf.discard(side)
        if side not in self._seeking and size <= self._skip[side]:
            self._skip[side] -= size
        else:
            self._skip[side] = 0
            self._seeking.add(side)
        return [Gap(size=size)]

    def _found(self, side: Side, buffer: bytearray) -> bool:
        found = _FRAME.search(buffer)
        if found is None:
            del buffer[: -HEADER + 1]
            return False
        del buffer[: found.start()]
        self._seeking.discard(side)
        return True

    def _step(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        """Take one greeting or frame off *buffer*; False means "need more"."""
        if side in self._seeking and not self._found(side, buffer):
            return False
        if buffer[0] == HEADER:
            return self._frame(side, buffer, told)
        if buffer[:4] == _NEXT[: len(buffer[:4])]:
            if len(buffer) < len(_NEXT):
                return False
            del buffer[: len(_NEXT)]
            return True
        end = buffer.find(b"\r\n\r\n", 0, MAX_LINE)
        if not 0x20 < buffer[0] < 0x7F or (end < 0 and len(buffer) >= MAX_LINE):
            raise WireError("no webcam greeting or frame")
        if end < 0:
            return False
        line = bytes(buffer[: end + 4])
        del buffer[: end + 4]
        hello = _HELLO.fullmatch(line)
        if hello:
            self._session = hello[1].decode()
        elif _WORDS.fullmatch(line):
            self.standing = Standing.PARSED
        elif not _TICKET.fullmatch(line):
            raise WireError("no webcam greeting or frame")
        elif line.startswith(b"VIEW"):  # of a reflector's two accounts the first shows pictures
            names = self._names
            self._names = {side: names[side.other], side.other: names[side]}
        return True

    def _frame(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        if len(buffer) < HEADER:
            return False
        size = int.from_bytes(buffer[8:12], "little")
        if size > MAX_FRAME:
            raise WireError(f"a video frame of {size} bytes")
        if size and side not in self._told:
            self.standing = Standing.PARSED
            self._told.add(side)
            told.append(
                WebcamVideo(
                    sender=self._names[side],
                    recipient=self._names[side.other],
                    session=self._session,
                    width=int.from_bytes(buffer[2:4], "little"),
                    height=int.from_bytes(buffer[4:6], "little"),
                )
            )
        passed = min(len(buffer), HEADER + size)
        del buffer[:passed]
        self._skip[side] = HEADER + size - passed
        return True
