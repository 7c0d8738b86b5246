"""Finds the packets of some conversations among all: frames in, records of a pcap file out.

Compiled, with the decoder of the core.
"""

from collections.abc import Sequence

from backchannel.capture.records import Chunk

class Picker:
    """Looks for conversations between two ends each, whoever sent."""

    def __init__(self, talks: Sequence[tuple[int, str, int, str, int]]) -> None:
        """*talks*: (number, address, port, address, port); port 0 means no TCP and no UDP.

        Raises ValueError for more than 256, and for what is no address.
        """
    def pick(self, chunk: Chunk) -> list[tuple[int, int, bytes]]:
        """Return (number, link type, record) of every frame of a conversation looked for."""
