"""A packet socket's ring in memory that the kernel shares: blocks in, chunks of frames out.

Compiled: no packet becomes a Python object. Linux only (TPACKET_V3).
"""

from backchannel.capture.records import Chunk

class Ring:
    """The blocks of one socket, taken in turn."""

    link: int
    """Link type of its frames, as in pcap files."""
    broken: int
    """Frames whose place in their block was impossible; always 0 with a sound kernel."""
    def __init__(self, fd: int, link: int, block_size: int, blocks: int) -> None:
        """Map the ring of *fd*, which was set up with as many blocks. Raises OSError."""
    def next(self) -> Chunk | None:
        """Return the next full block's frames, or None. They are good until `release`.

        Raises ValueError while a block is held.
        """
    def release(self) -> None:
        """Give the block back to the kernel; its frames are gone."""

def pcap_records(chunk: Chunk) -> bytearray:
    """Return the chunk's frames as records of a pcap file with nanoseconds."""
