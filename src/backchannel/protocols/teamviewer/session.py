"""A connection between a TeamViewer program and one of its servers, or between two programs.

    17 24 | command u8 | bytes u16 le | body

Both sides open with command 0a, of 32 bytes; all behind it is encrypted. Held: these 37 bytes.
"""

from backchannel.events import Gap, Software
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start

OPENING = b"\x17\x24\x0a\x20\0"
_FIRST = len(OPENING) + 32
_MAGICS = b"\x17\x24", b"\x11\x30"
"""What messages begin with, in the first version and in the second."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a connection that both sides open in the same way."""
    if peek.transport != "tcp":
        return None
    client, server = opens(peek.client), opens(peek.server)
    if client is False or server is False or not peek.client:
        return None
    if client and server:
        return Claim("teamviewer", evidence="17 24 0a and 32 bytes, from both sides")
    return MORE


def opens(data: bytes) -> bool | None:
    """Say whether a side opens as TeamViewer does; None: "need more"."""
    if data[: len(OPENING)] != OPENING[: len(data)]:
        return False
    following = data[_FIRST : _FIRST + 2]
    if following and not any(each.startswith(following) for each in _MAGICS):
        return False
    return True if len(data) >= _FIRST else None


class Session:
    """Both sides of one connection."""

    def __init__(self, start: Start) -> None:  # noqa: ARG002 - nothing of it is needed
        self.service = "teamviewer"
        self.standing = Standing.CLAIMED
        self.done = False
        self._heard = dict.fromkeys(Side, b"")

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if self.done or len(self._heard[side]) >= _FIRST:
            return []
        heard = self._heard[side] = (self._heard[side] + data)[:_FIRST]
        if opens(heard) is False:
            self.standing, self.done = Standing.REFUTED, True
        elif all(len(each) >= _FIRST for each in self._heard.values()):
            self.standing, self.done = Standing.PARSED, True
            return [Software(name="TeamViewer")]
        return []

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - of either side
        """*size* bytes of *side* were never seen: all that follows is encrypted."""
        self.done = True
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is held that would mean anything."""
        return []
