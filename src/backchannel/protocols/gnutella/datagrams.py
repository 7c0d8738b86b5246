"""One UDP flow of either network: single messages, and payloads of the semi-reliable layer.

Servents that speak both networks do so on one port, so both may come on one flow; what came first
named it. Holds what `reliable.py` and `memory.py` hold.
"""

from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output
from backchannel.protocols.deflated import inflate
from backchannel.protocols.gnutella import messages, wire
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.reliable import TAGS, Assembly, Datagram, read_datagram
from backchannel.protocols.gnutella.routes import Routes
from backchannel.protocols.gnutella.wire import Message
from backchannel.protocols.gnutella2 import packets, tree
from backchannel.reader import WireError

PROOF = 2
"""Well-formed datagrams that prove the flow; a body that was taken apart proves it alone."""


class Datagrams:
    """Datagrams between two servents."""

    def __init__(self, memory: Memory) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._memory = memory
        self._assemblies = {side: Assembly() for side in Side}
        self._routes = {side: Routes() for side in Side}
        self._proof = 0

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*; return what it meant."""
        try:
            if data[:3] in TAGS and (datagram := _layered(data)):
                out = self._layered(side, datagram)
            else:
                out = self._message(side, wire.read_message(data))
        except WireError as error:
            return self._foreign(side, data, str(error))
        self._prove()
        return out

    def gap(self, _side: Side, size: int) -> list[Output]:
        """Some datagram was not captured whole."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        return self._memory.summary(side)

    def _prove(self) -> None:
        self._proof += 1
        if self._proof >= PROOF:
            self.standing = Standing.PARSED

    def _foreign(self, side: Side, data: bytes, reason: str) -> list[Output]:
        if self.standing is Standing.CLAIMED:
            self.standing, self.done = Standing.REFUTED, True
        self._memory.count(side, "foreign", len(data))
        return [Malformed(reason=reason)] if self._memory.first("foreign datagram") else []

    def _layered(self, side: Side, datagram: Datagram) -> list[Output]:
        if not datagram.count:
            self._memory.count(side, "acknowledgement", 0)
            return []
        self._memory.count(side, "part", 0)
        try:
            whole = self._assemblies[side].take(datagram)
            return [] if whole is None else self._whole(side, datagram, whole)
        except WireError as error:
            return [Malformed(reason=str(error))]

    def _whole(self, side: Side, datagram: Datagram, whole: bytes) -> list[Output]:
        if datagram.tag == b"GTA":
            return self._message(side, wire.read_message(whole))
        out: list[Output] = []
        for packet in tree.read_packets(whole):
            out += packets.tell(packet, side, self._memory, self._routes[side])
        self.standing = Standing.PARSED
        return out

    def _message(self, side: Side, message: Message) -> list[Output]:
        name = wire.NAMES.get(message.kind, "unknown")
        if message.ttl & wire.DEFLATED and message.kind != wire.DHT:
            message = Message(
                message.guid, message.kind, 1, message.hops, inflate(message.body, wire.MAX_BODY)
            )
        self._memory.count(side, name, wire.HEADER + len(message.body))
        out = messages.abuse(message, self._memory)
        reader = messages.KINDS.get(message.kind)
        if reader is None:
            return out
        try:
            out += reader(message, self._memory)
        except WireError as error:
            return [*out, Malformed(reason=f"{name}: {error}")]
        if message.body:
            self.standing = Standing.PARSED
        return out


def _layered(data: bytes) -> Datagram | None:
    """Return *data* as a datagram of the layer, unless it is a message whose id begins alike."""
    try:
        wire.read_message(data)
    except WireError:
        return read_datagram(data)
    return None
