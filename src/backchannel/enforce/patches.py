"""What was overwritten in a connection, so that it is again when it is sent again.

TCP may cut a retransmission as it likes, or join it with what comes behind, so what is remembered
are bytes and where they stand, not packets.
"""

from collections import OrderedDict, deque

from backchannel.enforce.tcp import ahead

Side = tuple[int, int, int]
"""A side of a flow: slot, serial number, and which side."""
SIDES = 1024
"""Sides of which anything is remembered; the one that was longest without goes first."""
EACH = 32
"""Stretches of one side that are remembered."""
REACH = 1 << 30
"""Bytes behind which nothing is sent again: the largest window (RFC 7323 §2.3)."""


class Patches:
    """Stretches of bytes by their place in the sequence."""

    def __init__(self) -> None:
        self._sides: OrderedDict[Side, deque[tuple[int, bytes]]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._sides)

    def note(self, side: Side, begin: int, data: bytes) -> None:
        """Remember that the bytes from sequence number *begin* on are *data* now."""
        self._sides.setdefault(side, deque(maxlen=EACH)).append((begin, data))
        self._sides.move_to_end(side)
        while len(self._sides) > SIDES:
            self._sides.popitem(last=False)

    def over(self, side: Side, begin: int, data: bytes) -> bytes | None:
        """Return *data*, at *begin*, with everything overwritten again; None where nothing is."""
        known = self._sides.get(side)
        if known is None:
            return None
        made = bytearray(data)
        met = False
        for at, patch in list(known):
            away = ahead(at, begin)
            if away < -REACH:
                known.remove((at, patch))
                continue
            first, last = max(away, 0), min(away + len(patch), len(made))
            if first < last:
                made[first:last] = patch[first - away : last - away]
                met = True
        return bytes(made) if met else None
