"""One flow of datagrams: two nodes of Kad, two clients, or a client and a server. Datagrams in,
events out.

A datagram that does not fit its kind is told as malformed; one that is of no kind may be sealed,
and is opened where a key is known (`sealed.py`), else counted. Held: what `Memory` and `Keys` do.
After ENOUGH datagrams a flow is left alone.
"""

from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.edonkey import rc4, wire
from backchannel.protocols.edonkey_udp.events import KadNode
from backchannel.protocols.edonkey_udp.memory import Memory, identity
from backchannel.protocols.edonkey_udp.reading import kind_of, read
from backchannel.protocols.edonkey_udp.recognise import recognise
from backchannel.protocols.edonkey_udp.sealed import keys_for
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]

ENOUGH = 8192
PROVED = 3
"""Datagrams of one side alone after which a flow counts as parsed; of both, one each."""
MALFORMED = 16
"""Broken datagrams that are told; more are counted."""


class Session:
    """Decodes one flow."""

    def __init__(self, start: Start) -> None:
        self.service = "edonkey"
        self.standing = Standing.CLAIMED
        self.done = False
        self._memory, self._keys = Memory(start), keys_for(start)
        self._left, self._broken = ENOUGH, 0
        self._read = dict.fromkeys(Side, 0)
        self._summary = start.reads(KadNode)

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*; return what it meant."""
        self._left -= 1
        self.done = self._left <= 0
        node, receiver = self._memory.nodes[side], side.other
        told, reason = self._try(side, data)
        if reason:
            self._keys.add(receiver, self._memory.nodes[receiver].id)
            plain = self._keys.open(receiver, data)
            if plain is not None:
                node.count("sealed")
                told, reason = self._try(side, plain)
        if reason:
            node.count("other")
            self._broken += 1
            known = data[:1] and data[0] in (wire.EDONKEY, wire.EMULE, wire.KAD, wire.KAD_PACKED)
            return [Malformed(reason=reason)] if known and self._broken <= MALFORMED else []
        return told

    def _try(self, side: Side, data: bytes) -> tuple[list[Output], str]:
        """Return what a datagram in clear means, or why it is none."""
        kind = kind_of(data)
        if kind is None:
            return [], "a datagram of no known kind"
        try:
            told = read(kind, data, self._memory, side)
        except WireError as error:
            return [], str(error)
        node = self._memory.nodes[side]
        node.kad |= data[0] in (wire.KAD, wire.KAD_PACKED)
        node.count(kind.name)
        self._read[side] += 1
        if all(self._read.values()) or self._read[side] >= PROVED:
            self.standing = Standing.PARSED
        return told, ""

    def gap(self, _side: Side, size: int) -> list[Output]:
        """Some datagram was not captured whole."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        node = self._memory.nodes[side]
        if not node.kad or not node.counts:
            return []
        counts = tuple(sorted(node.counts.items()))
        node.counts.clear()
        if not self._summary:
            return [KadNode]
        return [
            KadNode(
                id=identity(node.id) if node.id else "",
                version=node.version,
                counts=counts,
                contacts=node.contacts,
            )
        ]


def prepare() -> None:
    """Load what obfuscated traffic alone needs."""
    rc4.load()
