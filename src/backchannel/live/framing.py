"""Messages on a stream socket or pipe between two processes of ours: a length, then MessagePack.

Who reads them trusts nothing: a length beyond LARGEST or a body that is not of the type ends the
connection.
"""

import select
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

LARGEST = 64 << 20
READ = 1 << 20
"""Bytes that are taken at a time."""
HEAD = struct.Struct("<I")


class Broken(ValueError):  # noqa: N818 - what the connection is
    """The other side said what cannot be."""


def framed(body: bytes) -> bytes:
    """Return *body* with its length before it. Raises OverflowError where the other side would not
    take it.
    """
    if len(body) > LARGEST:
        raise OverflowError(f"a message of {len(body)} bytes")
    return HEAD.pack(len(body)) + body


class Outbox:
    """What is said to a socket whose other side may be busy: sent in order, as it takes it."""

    def __init__(self, to: socket.socket) -> None:
        self._to = to
        self._waiting: deque[memoryview] = deque()
        self.size = 0
        """Bytes that wait."""

    def put(self, data: bytes) -> None:
        """Say *data* soon."""
        self._waiting.append(memoryview(data))
        self.size += len(data)

    def push(self) -> None:
        """Send what the socket takes now. Raises OSError where nobody listens any more."""
        while self._waiting:
            try:
                done = self._to.send(self._waiting[0], socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            self.size -= done
            if done < len(self._waiting[0]):
                self._waiting[0] = self._waiting[0][done:]
            else:
                self._waiting.popleft()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until there is room, but no longer than *seconds*, and send what goes."""
        if self._waiting:
            select.select([], [self._to], [], seconds)
            self.push()

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self.size = 0


class Inbox:
    """Cuts what a socket or pipe brings into messages."""

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


def first(read: Callable[[int], bytes], inbox: Inbox) -> Any:
    """Return the first message that *read* brings; what came behind it waits in the *inbox*, for
    `feed(b"")`. Raises EOFError where none comes any more, and Broken.
    """
    while data := read(READ):
        for message in inbox.feed(data):
            return message
    raise EOFError
