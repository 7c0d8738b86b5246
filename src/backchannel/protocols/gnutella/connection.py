"""One connection between servents: handshake, then messages of the network it chose.

    blocks of headers  ->  (deflate)  ->  Gnutella messages or Gnutella2 packets

Each side holds at most one header block (16 KiB), or one message (64 KiB; Gnutella2: 1 MiB), and
zlib's window. A gap in a compressed stream cannot be mended; in a plain one the next two plausible
headers in a row end it.
"""

import re
from collections.abc import Iterator
from typing import Literal

from backchannel.effects import Inner, InnerEnd, InnerGap, Open
from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output
from backchannel.protocols.gnutella import handshake, joining, messages, wire
from backchannel.protocols.gnutella.handshake import Block
from backchannel.protocols.gnutella.inflater import Inflater
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.routes import Routes
from backchannel.protocols.gnutella2 import packets, tree
from backchannel.reader import WireError

Network = Literal["gnutella", "gnutella2"]

PROOF = 3
"""Messages in a row that prove a stream whose handshake was not seen."""
SEEK_BODY = 8192
"""Longest body taken for plausible while looking for the next header behind a gap."""
_HEADER = re.compile(
    rb"(?s)(?!\x00{16})(?!.{17}\x00\x00)(?=.{16}[\x00\x01\x02\x30\x31\x32\x40\x80\x81][\x00-\x0a][\x00-\x0a].[\x00-\x20]\x00\x00)"
)


class _Lane:
    """One direction."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.state: Literal["headers", "messages", "seek", "tunnel", "deaf"] = "headers"
        self.scanned = 0
        self.deflate = False
        self.inflater: Inflater | None = None
        self.routes = Routes()

    def silence(self) -> None:
        self.state = "deaf"
        self.buffer.clear()


class Connection:
    """A stream of either network, after or without a handshake."""

    def __init__(self, network: Network, memory: Memory) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self.network: Network = network
        self._claimed = network
        self._memory = memory
        self._lanes = {side: _Lane() for side in Side}
        self._asked: set[str] | None = None
        self._answered: set[str] = set()
        """Networks that the first block of each side names."""
        self._shaken = self._agreed = self._tunnel = False
        self._proof = 0

    # -- the contract --------------------------------------------------------------------------

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        lane, out = self._lanes[side], list[Output]()
        if lane.state == "headers" and not self.done:
            lane.buffer += data
            data = self._headers(lane, out)
        if not data or self.done or lane.state == "deaf":
            return out
        if lane.state == "tunnel":
            out.append(Inner(side=side, data=data))
        else:
            self._stream(side, lane, data, out)
        return out

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        lane = self._lanes[side]
        if lane.state == "tunnel":
            return [Gap(size=size), InnerGap(side=side, size=size)]
        lane.buffer.clear()
        lane.scanned = 0
        if lane.deflate:
            lane.silence()
        else:
            lane.state = "seek"
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        lane, out = self._lanes[side], list[Output]()
        if lane.state == "headers" and lane.buffer and not self.done:
            out.append(Malformed(reason="connection ended inside handshake headers"))
        if lane.state == "tunnel":
            out.append(InnerEnd(side=side))
        lane.silence()
        return out + self._memory.summary(side)

    # -- handshake -----------------------------------------------------------------------------

    def _headers(self, lane: _Lane, out: list[Output]) -> bytes:
        """Read header blocks; return what follows the last one."""
        buffer = lane.buffer
        try:
            while buffer and not self.done and handshake.opens(buffer[:20]):
                block = _take_block(lane)
                if block is None:
                    return b""
                self._block(lane, handshake.read_block(block), out)
        except WireError as error:
            self._lose(lane, str(error), out)
        if not buffer or self.done:
            return b""
        lane.state = "tunnel" if self._tunnel else "messages"
        rest = bytes(buffer)
        buffer.clear()
        return rest

    def _block(self, lane: _Lane, block: Block, out: list[Output]) -> None:
        """Take one block: it may choose the network, compression and TLS."""
        self._shaken = True
        self._choose(block)
        if self.standing is Standing.REFUTED:
            return
        lane.deflate = lane.deflate or "deflate" in block.get("content-encoding").lower()
        out += joining.tell(block, self.network, self._memory)
        if not block.connect and joining.offers_tls(block):
            self._agree_on_tls(out)

    def _agree_on_tls(self, out: list[Output]) -> None:
        """The server agrees, the client confirms, and both go on inside TLS."""
        if self._agreed:
            self._tunnel = True
            out.append(Open())
        self._agreed = True

    def _choose(self, block: Block) -> None:
        """Follow what *block* says of networks; a wrong name of ours gives up the claim."""
        if block.connect:
            self._asked = block.networks
        elif not self._answered:
            self._answered = block.networks
        answered = None if block.connect else self._answered
        chosen, certain = handshake.choice(self._asked, answered)
        self.network = "gnutella2" if chosen == "gnutella2" else "gnutella"
        if self.standing is Standing.CLAIMED and certain:
            right = self.network == self._claimed
            self.standing = Standing.PARSED if right else Standing.REFUTED
            self.done = not right

    def _lose(self, lane: _Lane, reason: str, out: list[Output]) -> None:
        lane.silence()
        if self.standing is Standing.CLAIMED and not self._shaken:
            self.standing, self.done = Standing.REFUTED, True
        out.append(Malformed(reason=reason))

    # -- messages ------------------------------------------------------------------------------

    def _stream(self, side: Side, lane: _Lane, data: bytes, out: list[Output]) -> None:
        try:
            if not lane.deflate:
                self._plain(side, lane, data, out)
                return
            if lane.inflater is None:
                lane.inflater = Inflater()
            for piece in lane.inflater.feed(data):
                self._plain(side, lane, piece, out)
        except WireError as error:
            reason = str(error)
            if reason.startswith("deflate bomb"):
                out += self._memory.warn("deflate-bomb", reason)
            self._lose(lane, reason, out)

    def _plain(self, side: Side, lane: _Lane, data: bytes, out: list[Output]) -> None:
        lane.buffer += data
        resume = tree.resume if self.network == "gnutella2" else _resume
        if lane.state == "seek" and not resume(lane.buffer):
            return
        lane.state = "messages"
        for told in self._read(side, lane):
            out += told
            if self._proof < PROOF:
                self._prove()

    def _read(self, side: Side, lane: _Lane) -> Iterator[list[Output]]:
        if self.network == "gnutella2":
            for packet in tree.take_packets(lane.buffer):
                yield packets.tell(packet, side, self._memory, lane.routes)
            return
        for message in wire.take_messages(lane.buffer):
            yield messages.tell(message, side, self._memory, lane.routes)

    def _prove(self) -> None:
        self._proof += 1
        if self._proof == PROOF and self.standing is Standing.CLAIMED:
            self.standing = Standing.PARSED


def _take_block(lane: _Lane) -> bytes | None:
    """Cut one whole header block off; None while its end has not come.

    Raises WireError when it is longer than any servent would read.
    """
    buffer = lane.buffer
    end = handshake.end_of_block(buffer, max(0, lane.scanned - 3))
    lane.scanned = 0 if end else len(buffer)
    if max(end, lane.scanned) > handshake.LIMIT:
        raise WireError(f"headers longer than {handshake.LIMIT} bytes")
    block = bytes(buffer[:end])
    del buffer[:end]
    return block if end else None


def _resume(buffer: bytearray) -> bool:
    """Cut off what stands before two plausible headers in a row; False while there are none."""
    at, found = _resumption(bytes(buffer))
    del buffer[:at]
    return found


def _resumption(data: bytes) -> tuple[int, bool]:
    """Return where *data* is of use from, and whether messages certainly begin there.

    A header counts only when the one behind its body is there to be looked at, so how the
    stream was cut changes nothing.
    """
    for found in _HEADER.finditer(data):
        at = found.start()
        size = int.from_bytes(data[at + 19 : at + 23], "little")
        follows = at + wire.HEADER + size
        if size > SEEK_BODY:
            continue
        if follows + wire.HEADER > len(data):
            return at, False
        if _HEADER.match(data, follows):
            return at, True
    return max(0, len(data) - wire.HEADER + 1), False
