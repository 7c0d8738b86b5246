"""Cuts captures into packets: pcap and pcapng framing. Bytes in, descriptors out; compiled.

`records_py` is the same in plain Python.
"""

from collections.abc import Iterator

class Chunk:
    """Whole packets, in order: time, link type, captured bytes, size on the wire.

    The bytes are borrowed from the buffer that was cut and change with its next filling.
    """

    def __len__(self) -> int:
        """Packets in it."""
    def __iter__(self) -> Iterator[tuple[int, int, memoryview, int]]:
        """Yield (nanoseconds since 1970, link type, captured bytes, size on the wire)."""

class Records:
    """One capture's framing: what its headers said, and how far it was good."""

    offset: int
    """Bytes cut so far."""
    needed: int
    """Bytes that the next record takes, as far as is known: the buffer must hold as many."""
    damage: str
    """Why nothing can be read from *offset* on; empty while all is well."""
    left_out: int
    """Packets of interfaces that the section does not know; the blocks after them were read."""
    left_out_at: int
    """Offset of the first of their blocks."""
    left_out_interface: int
    """The interface that it names."""
    def __init__(self, head: bytes) -> None:
        """*head*: the first 24 bytes. Raises ValueError when they begin no capture, EOFError when
        they may, and are fewer.
        """
    def cut(self, data: memoryview, size: int) -> Chunk:
        """Cut the whole records among the first *size* bytes; `offset` moves past them."""
