"""ESP in UDP that the capture cut short: datagrams in, those that are ESP after all out.

A snap length leaves datagrams of one size, mostly no multiple of four, as whole ESP always is. One
such datagram is anything; the next one of the same size and SPI, with a higher sequence number
close by, shows that both are ESP. From then on the size alone is forgiven.
"""

from backchannel.model import Side
from backchannel.protocols.esp.flow import number, possible

NEAR = 4096
"""Sequence numbers that a capture may have lost between two datagrams."""


class CutEsp:
    """Holds at most one datagram a side."""

    def __init__(self) -> None:
        self.size = 0
        """The size at which datagrams are cut, once it is known."""
        self._held: list[bytes] = [b"", b""]

    def add(self, side: Side, data: bytes) -> tuple[list[bytes], bytes]:
        """Return (datagrams that are ESP, a datagram that is not). What is in neither waits."""
        if not possible(data):
            return [], data
        if len(data) == self.size:
            return [data], b""
        held, self._held[side] = self._held[side], data
        if held and len(held) == len(data) and held[:4] == data[:4] and _rises(held, data):
            self.size, self._held[side] = len(data), b""
            return [held, data], b""
        return [], held

    def end(self, side: Side) -> bytes:
        """Return the datagram of *side* that still waits."""
        held, self._held[side] = self._held[side], b""
        return held


def _rises(first: bytes, second: bytes) -> bool:
    return 0 < number(second) - number(first) <= NEAR
