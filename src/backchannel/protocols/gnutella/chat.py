"""Chat between two servents (LimeWire, BearShare, Shareaza): a handshake, then lines of text.

    CHAT CONNECT/0.1 CRLF headers CRLF      CHAT/0.1 200 OK CRLF headers CRLF      (both sides)

LimeWire's chat and Shareaza's ChatSession. Version 0.2 may go on in Gnutella2 packets; those are
not decoded. Each side holds at most LIMIT bytes of a header block or line.
"""

import re

from backchannel.events import Gap, Malformed, Message
from backchannel.model import Side, Standing
from backchannel.protocols import Output
from backchannel.protocols.gnutella.handshake import end_of_block
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.vendors import software
from backchannel.text import decode

LIMIT = 8192
_MARKS = (b"CHAT CONNECT/", b"CHAT/")
_FIELD = re.compile(
    r"^(user-agent|x-nickname|content-type): *(.{0,200}?)\s*$", re.IGNORECASE | re.MULTILINE
)


class Chat:
    """One chat."""

    def __init__(self, memory: Memory) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._memory = memory
        self._buffers = (bytearray(), bytearray())
        self._talking = [False, False]
        self._deaf = [False, False]
        self._names = ["", ""]

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        out: list[Output] = []
        if self._deaf[side] or self.done:
            return out
        buffer = self._buffers[side]
        buffer += data
        while buffer and not self._talking[side] and not self.done:
            if not any(buffer[: len(mark)] == mark[: len(buffer)] for mark in _MARKS):
                self._talking[side] = True
            elif (end := end_of_block(buffer)) and end <= LIMIT:
                out += self._block(side, bytes(buffer[:end]))
                del buffer[:end]
            else:
                break
        if self._talking[side] and not self.done:
            out += self._lines(side, buffer)
        return out + self._overlong(side, buffer)

    def _overlong(self, side: Side, buffer: bytearray) -> list[Output]:
        if len(buffer) <= LIMIT:
            return []
        buffer.clear()
        self._deaf[side] = True
        return [Malformed(reason=f"chat line longer than {LIMIT} bytes")]

    def _block(self, side: Side, block: bytes) -> list[Output]:
        fields = {name.lower(): value for name, value in _FIELD.findall(decode(block))}
        self._names[side] = fields.get("x-nickname", self._names[side])
        self.standing = Standing.PARSED
        self.done = "gnutella2" in fields.get("content-type", "")
        agent = fields.get("user-agent", "")
        named = software(agent)
        return [named] if named and self._memory.first(f"agent {agent}") else []

    def _lines(self, side: Side, buffer: bytearray) -> list[Output]:
        out: list[Output] = []
        while (end := buffer.find(b"\n")) >= 0 and end <= LIMIT:
            text = decode(bytes(buffer[:end])).rstrip("\r")
            del buffer[: end + 1]
            sender, recipient = self._names[side], self._names[side.other]
            if text:
                told = Message(sender=sender, recipient=recipient, text=text, size=len(text))
                out.append(told)
        return out

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen: half a line may follow."""
        self._buffers[side].clear()
        self._deaf[side] = False
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        self._buffers[side].clear()
        return []
