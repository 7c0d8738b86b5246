"""Chat between two servents (LimeWire, BearShare, Shareaza): a handshake, then what they say.

    CHAT CONNECT/0.x CRLF headers CRLF      CHAT/0.x 200 OK CRLF headers CRLF      (both sides)
    0.1   text CRLF ...
    0.2   MESSAGE text CRLF, NICK name CRLF ... or, where a Content-Type says so, Gnutella2 packets:
          CMSG (BODY text | ACT), UPROD (XML profile), CHATREQ, CHATANS

Before the text of something done (`/me`) stands 01 and `ACTION`, or an ACT. LimeWire's chat and
Shareaza's ChatSession. Each side holds at most LIMIT bytes of a header block or line, or one
packet of 256 KiB.
"""

import re

from backchannel.events import Gap, Malformed, Message, Profile
from backchannel.model import Side, Standing
from backchannel.protocols import Output
from backchannel.protocols.gnutella.handshake import end_of_block
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.vendors import software
from backchannel.protocols.gnutella2 import packets
from backchannel.protocols.gnutella2.tree import Packet, open_packet, payload, take_packets
from backchannel.reader import WireError
from backchannel.text import decode

LIMIT = 8192
_MARKS = (b"CHAT CONNECT/", b"CHAT/")
_OLD = b"/0.1"
_SAYING, _NAMING, _DOING = "MESSAGE ", "NICK ", "\1ACTION "
_FIELD = re.compile(
    r"^(user-agent|x-nickname|content-type):([^\r\n]*)", re.IGNORECASE | re.MULTILINE
)
_VALUE = 200
"""Characters of a header's value that are told."""


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
        self._plain = self._packed = False
        """Lines are text alone; packets take the place of lines."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        out: list[Output] = []
        if self._deaf[side]:
            return out
        buffer = self._buffers[side]
        buffer += data
        while buffer and not self._talking[side]:
            if not any(buffer[: len(mark)] == mark[: len(buffer)] for mark in _MARKS):
                self._talking[side] = True
            elif (end := end_of_block(buffer)) and end <= LIMIT:
                out += self._block(side, bytes(buffer[:end]))
                del buffer[:end]
            else:
                break
        if self._talking[side]:
            out += self._packets(side, buffer) if self._packed else self._lines(side, buffer)
        return out + self._overlong(side, buffer)

    def _overlong(self, side: Side, buffer: bytearray) -> list[Output]:
        if len(buffer) <= LIMIT or (self._packed and self._talking[side]):
            return []
        return self._lose(side, f"chat line longer than {LIMIT} bytes")

    def _lose(self, side: Side, reason: str) -> list[Output]:
        self._buffers[side].clear()
        self._deaf[side] = True
        return [Malformed(reason=reason)]

    def _block(self, side: Side, block: bytes) -> list[Output]:
        found = _FIELD.findall(decode(block))
        fields = {name.lower(): value.strip()[:_VALUE] for name, value in found}
        self._names[side] = fields.get("x-nickname", self._names[side])
        self.standing = Standing.PARSED
        self._plain = self._plain or _OLD in block[: block.find(b"\n")]
        self._packed = self._packed or "gnutella2" in fields.get("content-type", "")
        agent = fields.get("user-agent", "")
        named = software(agent)
        return [named] if named and self._memory.first(f"agent {agent}") else []

    # -- lines ---------------------------------------------------------------------------------

    def _lines(self, side: Side, buffer: bytearray) -> list[Output]:
        out: list[Output] = []
        while (end := buffer.find(b"\n")) >= 0 and end <= LIMIT:
            text = decode(bytes(buffer[:end])).rstrip("\r")
            del buffer[: end + 1]
            if not self._plain and text.startswith(_NAMING):
                self._names[side] = text.removeprefix(_NAMING)
                continue
            out += self._said(side, text if self._plain else text.removeprefix(_SAYING))
        return out

    def _said(self, side: Side, text: str, *, done: bool = False) -> list[Output]:
        if done or text.startswith(_DOING):
            text = "* " + text.removeprefix(_DOING)
        sender, recipient = self._names[side], self._names[side.other]
        told = Message(sender=sender, recipient=recipient, text=text, size=len(text))
        return [told] if text else []

    # -- packets -------------------------------------------------------------------------------

    def _packets(self, side: Side, buffer: bytearray) -> list[Output]:
        out: list[Output] = []
        try:
            for packet in take_packets(buffer):
                out += self._packet(side, packet)
        except WireError as error:
            out += self._lose(side, f"chat: {error}")
        return out

    def _packet(self, side: Side, packet: Packet) -> list[Output]:
        children, body = open_packet(packet)
        if packet.name == "UPROD":
            told = packets.profile(children, body, self._memory)
            for profile in told:
                if isinstance(profile, Profile):
                    self._names[side] = profile.nickname or self._names[side]
            return told
        if packet.name != "CMSG":
            return []
        parts = {child.name: child for child in children}
        text = decode(payload(parts["BODY"]).rstrip(b"\0")) if "BODY" in parts else ""
        return self._said(side, text, done="ACT" in parts)

    # -- holes and ends ------------------------------------------------------------------------

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen: half a line may follow; packets are lost."""
        self._buffers[side].clear()
        self._deaf[side] = self._packed
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        self._buffers[side].clear()
        return []
