"""A refused TCP connection as seen from outside: which sequence numbers its ends will accept.

An end takes a reset only at the very byte that it waits for (RFC 5961 §3.2). What that is, the
ends say themselves: each acknowledges what it has, and its own bytes are what the other waits for.

Whoever forges packets must not make us reset somebody else's connection, so a packet counts only
where it fits what was judged: its bytes go on without a hole from those that showed the refused
use, or it acknowledges these. Only when their receiver has acknowledged them, holes are believed
too, up to NEAR bytes. Resets before that carry numbers of the judged packets alone: whoever can
forge those could forge the reset.
"""

from backchannel.enforce.inject import Segment
from backchannel.enforce.tcp import ACK, MASK, RST, SYN, after, ahead

NEAR = 1 << 20
"""Bytes by which a number may lie beyond what was seen, once the connection is known to be it."""
AHEAD = 2
"""Segments beyond the furthest one seen, at whose ends a reset is put too while bytes flow."""


class Lane:
    """The bytes of one side."""

    __slots__ = ("acked", "begin", "next", "size")

    def __init__(self, begin: int | None, end: int | None) -> None:
        self.begin = begin
        """Where the judged bytes began; None where none of this side were judged."""
        self.next = end
        """After the furthest byte that fits; None where nothing is known of the side."""
        self.acked: int | None = None
        """What the other side said last that it waits for."""
        self.size = 0
        """Bytes of the last segment; 0 when none came after the verdict."""


class Pursuit:
    """One refused connection."""

    def __init__(self, side: int, begin: int, end: int, other: int | None) -> None:
        """Bytes of *side* from *begin* to *end* showed the refused use; the other side's stand
        at *other*, None where nothing of it was seen.
        """
        self.side = side
        lanes = Lane(begin, end), Lane(None, other)
        self.lanes = lanes if side == 0 else lanes[::-1]
        self.confirmed = False
        """The receiver acknowledged the judged bytes: this is the connection that carries them."""

    def see(self, side: int, segment: Segment, missing: int = 0) -> bool:
        """Take a packet that *side* sent; return whether it belongs to the judged connection.

        *missing*: bytes at its end that were not captured. Resets and SYNs never do.
        """
        if segment.flags & (RST | SYN):
            return False
        mine, theirs = self.lanes[side], self.lanes[1 - side]
        acknowledges = bool(segment.flags & ACK) and self._acknowledges(theirs, segment.ack)
        end = after(segment.after, missing)
        if mine.next is None:  # nothing but what it acknowledges tells that it fits
            if not acknowledges or theirs.next is None:
                return False
        else:
            lead = ahead(segment.seq, mine.next)
            if lead < -NEAR or lead > (NEAR if self.confirmed else 0):
                return False
            if not acknowledges and side != self.side:
                return False
        if mine.next is None or ahead(end, mine.next) > 0:
            mine.next = end
            mine.size = (end - segment.seq) & MASK
        if acknowledges and (theirs.acked is None or ahead(segment.ack, theirs.acked) > 0):
            theirs.acked = segment.ack
            if theirs.next is None or ahead(segment.ack, theirs.next) > 0:
                theirs.next = segment.ack
            self.confirmed = self.confirmed or theirs.begin is not None
        return True

    def _acknowledges(self, lane: Lane, ack: int) -> bool:
        """Say whether *ack* fits the bytes of *lane*."""
        if lane.next is None:
            return True
        lead = ahead(ack, lane.next)
        if self.confirmed:
            return abs(lead) <= NEAR
        if lane.begin is None:
            return -NEAR <= lead <= 0
        return lead <= 0 and ahead(ack, lane.begin) > 0

    def numbers(self, to: int) -> tuple[int, ...]:
        """Return the sequence numbers of resets for side *to*, the likeliest first: what it said
        that it waits for, what comes after all that was seen, and where it will be a little later.
        """
        lane = self.lanes[1 - to]
        if lane.next is None:
            return ()
        steps = range(1, AHEAD + 1) if lane.size else ()
        found = [lane.next, *(after(lane.next, step * lane.size) for step in steps)]
        if lane.acked is not None:
            found.insert(0, lane.acked)
        return tuple(dict.fromkeys(found))

    @property
    def flowed(self) -> bool:
        """Whether bytes went on after the verdict, so that resets may have come too late."""
        return any(lane.size for lane in self.lanes)

    def probe(self, to: int) -> tuple[int, int] | None:
        """Return sequence number and acknowledgement of what makes side *to* say what it waits for;
        None where too little is known.
        """
        before, last = self.lanes[1 - to].next, self.lanes[to].next
        if before is None or last is None:
            return None
        return after(before, -1), last

    def acknowledgement(self, to: int) -> int | None:
        """Return what a reset for side *to* acknowledges: all that it was seen to send."""
        return self.lanes[to].next
