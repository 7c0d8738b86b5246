"""The memory of one direction of an HTTP/1.x conversation."""

from backchannel.model import Side
from backchannel.protocols.http.bodies import Decoder, Framing

GAP = 4096
HEAD, BODY, HOLD, RAW, LOST, SEEK = range(6)
"""What the next byte belongs to. HOLD: it comes behind a CONNECT or an Upgrade, and the answer
decides. SEEK: behind a gap, or at a start amid the stream, where the next start line ends it.
"""


class Lane:
    """One direction."""

    def __init__(self, side: Side, request: bool, state: int) -> None:
        self.side, self.request, self.state = side, request, state
        self.held = bytearray()
        self.scanned = 0
        """Bytes of `held` that hold no end of a head."""
        self.checked = False
        """True once the start line in `held` was found well formed."""
        self.line = 0
        """Where it ends then."""
        self.body: Framing | None = None
        self.decoder: Decoder | None = None
        self.mute = False
        """True when the rest of a coded body can no longer be decoded."""
        self.whole = True
        self.after = HEAD
        """State behind the body."""
        self.waiting: list[bytearray | int] = []
        self.ended = False

    def forget(self) -> None:
        """Drop what is held of a head."""
        if self.held:
            self.held.clear()
        self.scanned, self.checked = 0, False

    def wait(self, what: bytes | int) -> int:
        """Keep bytes, or the size of a gap, until an answer decides; return what is kept.

        Bytes, that is; each gap counts for GAP, so that gaps are bounded too.
        """
        last = self.waiting[-1] if self.waiting else None
        if isinstance(what, int):
            self.waiting.append(what)
        elif isinstance(last, bytearray):
            last += what
        else:
            self.waiting.append(bytearray(what))
        return sum(GAP if isinstance(part, int) else len(part) for part in self.waiting)
