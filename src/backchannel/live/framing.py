"""Messages on a stream socket between two processes of ours: a length, then MessagePack.

Who reads them trusts nothing: a length beyond LARGEST or a body that is not of the type ends the
connection.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

LARGEST = 64 << 20
HEAD = struct.Struct("<I")


class Broken(ValueError):  # noqa: N818 - what the connection is
    """The other side said what cannot be."""


def framed(body: bytes) -> bytes:
    """Return *body* with its length before it."""
    return HEAD.pack(len(body)) + body


class Inbox:
    """Cuts what a socket brings into messages."""

    def __init__(self, decode: Callable[[bytes], Any]) -> None:
        self._decode = decode
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """Yield the messages that are whole now. Raises Broken."""
        self._buffer += data
        while len(self._buffer) >= HEAD.size:
            (size,) = HEAD.unpack_from(self._buffer)
            if size > LARGEST:
                raise Broken(f"a message of {size} bytes")
            if len(self._buffer) < HEAD.size + size:
                return
            body = bytes(memoryview(self._buffer)[HEAD.size : HEAD.size + size])
            del self._buffer[: HEAD.size + size]
            try:
                yield self._decode(body)
            except msgspec.MsgspecError as error:
                raise Broken(str(error)) from None
