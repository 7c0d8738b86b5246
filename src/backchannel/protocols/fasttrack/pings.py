"""FastTrack over UDP: is that node a supernode, and has it room? One datagram a message.

    27   least encryption type u32 | 80 | network name, NUL                    ping
    28   least encryption type u32 | 00 | 5 bytes, the 4th its load in percent | network name, NUL
    29   least encryption type u32 | 01 or 02 | flag | 0000 | id u32, then where flag is 1:
         address u32 | port u16 | 2 bytes                                      takes no nodes
    2a   id u32          c0 c1 c2 c3   ...                                     tests of reachability

giFT's PROTOCOL calls the address in 29 the sender's; in traffic of 2006 it was neither the
sender's nor the receiver's, so it is told as a peer and nothing more. Nothing is held.
"""

from backchannel.events import Gap, Malformed, Peer
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.fasttrack import wire
from backchannel.protocols.fasttrack.events import Network
from backchannel.reader import Reader

PING, PONG, FULL = 0x27, 0x28, 0x29
_LATER = frozenset({0x2A, 0xC0, 0xC1, 0xC2, 0xC3})
"""Datagrams that only follow others, and carry nothing to tell."""
_FULL_SIZES = frozenset({13, 21})


def well_formed(data: bytes) -> bool:
    """Whether *data* is a ping or pong to the last byte."""
    if len(data) < 8 or not wire.plausible(kind := int.from_bytes(data[1:5], "big")) or not kind:
        return False
    if data[0] == PING:
        return data[5] == 0x80 and _ends_in_name(data, 6)
    if data[0] == PONG:
        return data[5] == 0 and _ends_in_name(data, 11)
    return (
        data[0] == FULL
        and len(data) in _FULL_SIZES
        and data[5] in (1, 2)
        and data[6] == (len(data) == max(_FULL_SIZES))
        and data[7:9] == b"\0\0"
    )


def _ends_in_name(data: bytes, at: int) -> bool:
    return data[-1] == 0 and wire.is_name(data[at:-1])


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow with a well-formed pong; the other side may have sent a ping, or nothing.

    A ping alone is no claim: port scanners send the very same one.
    """
    seen = [data for data in (peek.client, peek.server) if data]
    if not all(map(well_formed, seen)):
        return None
    if all(data[0] == PING for data in seen):
        return MORE
    flipped = not peek.server or peek.server[0] == PING
    return Claim("fasttrack", evidence="pong datagram, well formed to its end", flipped=flipped)


class Session:
    """Pings and pongs between two addresses."""

    def __init__(self, start: Start) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._start = start
        self._seen: set[Side] = set()
        self._told: set[Output] = set()

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*; say only what is new."""
        if not well_formed(data):
            later = data[:1] and data[0] in _LATER and self._seen
            return [] if later else [Malformed(reason="neither a ping nor a pong")]
        self._seen.add(side)
        if len(self._seen) == len(Side):
            self.standing = Standing.PARSED
        fresh = [output for output in self._meaning(side, data) if output not in self._told]
        if len(self._told) < 64:
            self._told.update(fresh)
        return fresh

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Datagrams have no holes; only a truncated capture says so."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is held."""
        return []

    def _meaning(self, side: Side, data: bytes) -> list[Output]:
        end = self._start.client if side is Side.CLIENT else self._start.server
        if data[0] == PING:
            return [Network(name=wire.text(data[6:-1]), role="client")]
        supernode = Peer(address=end.address, port=end.port, role="supernode")
        if data[0] == PONG:
            return [Network(name=wire.text(data[11:-1]), role="server"), supernode]
        reader = Reader(data, 13)
        named = [Peer(address=reader.ipv4(), port=reader.u16())] if reader else []
        return [supernode, *named]
