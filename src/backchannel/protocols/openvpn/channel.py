"""The TLS inside one control channel: its packets put in order, as an inner stream.

Packets carry a number from 1 on (0 is the reset), may come twice and in any order. Held: WINDOW
packets of each side, at most HELD bytes; what does not fit ends the look at that channel, as a
handshake with a hole says nothing. So do ENOUGH bytes.
"""

from backchannel.effects import Inner, InnerEnd, Open
from backchannel.model import Side
from backchannel.protocols import Output

WINDOW = 16
HELD = 16_384
ENOUGH = 65_536
"""Bytes of TLS in which hellos and certificates have come."""


class Channel:
    """One TLS connection, from its first packet on."""

    def __init__(self, name: str) -> None:
        self.over = False
        self._name = name
        self._opened = False
        self._next = [1, 1]
        self._held: tuple[dict[int, bytes], dict[int, bytes]] = {}, {}
        self._passed = 0

    def add(self, side: Side, number: int, payload: bytes) -> list[Output]:
        """Take one packet of *side*."""
        if self.over or number < self._next[side]:
            return []
        held = self._held[side]
        held.setdefault(number, payload)
        if number - self._next[side] > WINDOW or sum(map(len, held.values())) > HELD:
            return self.end()
        out: list[Output] = []
        while (ready := held.pop(self._next[side], None)) is not None:
            self._next[side] += 1
            if ready:
                out += self._pass(side, ready)
        return out + self.end() if self._passed > ENOUGH else out

    def _pass(self, side: Side, payload: bytes) -> list[Output]:
        out: list[Output] = []
        if not self._opened:
            self._opened = True
            out.append(Open(channel=self._name))
        self._passed += len(payload)
        out.append(Inner(side=side, data=payload, channel=self._name))
        return out

    def end(self) -> list[Output]:
        """Look no further."""
        opened, self._opened, self.over = self._opened, False, True
        for held in self._held:
            held.clear()
        return [InnerEnd(channel=self._name)] if opened else []
