"""One flow of uTP: its connections put in order, and the peers inside them. Datagrams in.

The two ends of a flow may have several connections, whose two ids differ by one: who opened it
sends with the larger. What a connection carries is an inner stream if it opens with a plain
handshake of peers, or if its beginning was not seen; an encrypted one (MSE) is counted. Programs
have their node of the hash table on the same port, so its messages come on the same flows: they
are an inner stream too. Held: CONNECTIONS, each with two `Lane`s, and IDS.
"""

from collections import OrderedDict, deque

from backchannel.decoder import Decoder
from backchannel.effects import Inner, InnerEnd, InnerGap, Open
from backchannel.events import Gap
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.bittorrent.events import PeersSealed
from backchannel.protocols.bittorrent.wire import OPENING
from backchannel.protocols.bittorrent_utp.events import UtpConnection
from backchannel.protocols.bittorrent_utp.lane import Lane
from backchannel.protocols.bittorrent_utp.recognise import recognise
from backchannel.protocols.bittorrent_utp.wire import AROUND, Packet, Type, read_packet

__all__ = ["Session", "recognise"]

CONNECTIONS = 8
IDS = 16
TABLE = "dht"
"""Channel of the hash table's messages."""
_TABLE = b"d1:", b"d2:"


class _Connection:
    """One connection of the flow."""

    def __init__(self, opener: Side, number: int, *, begun: bool) -> None:
        self.opener, self.id = opener, number
        self.lanes = [Lane(), Lane()]
        """Of who opened it, and of the other."""
        self.syn: int | None = None
        """Number of its SYN."""
        self.begun = begun
        self.open: bool | None = None if begun else True
        """Whether its bytes are an inner stream; None until the first of them came."""
        self.told = False
        """Whether that inner stream was opened."""

    def side(self, sender: Side) -> Side:
        """Return *sender* as the inner stream sees it: who opened it is the client."""
        return Side.CLIENT if sender is self.opener else Side.SERVER


class Session(Decoder):
    """Decodes one flow."""

    def __init__(self, start: Start) -> None:
        self.service = "bittorrent"
        self.standing = Standing.CLAIMED
        self.done = False
        self._far = start.server
        self._connections: OrderedDict[int, _Connection] = OrderedDict()
        self._ids: list[deque[int]] = [deque(maxlen=IDS), deque(maxlen=IDS)]
        self._over: deque[int] = deque(maxlen=IDS)
        """Connections that ended, whose last acknowledgements may still come."""
        self._table = False

    # -- the contract --------------------------------------------------------------------------

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*; return what it meant."""
        packet = read_packet(data)
        if packet is None:
            return self._other(side, data)
        out: list[Output] = []
        connection = self._connection(side, packet, out)
        if connection is None:
            return out
        if packet.type == Type.RESET:
            self._close(connection, "reset", out)
            return out
        who = connection.side(side)
        mine, theirs = connection.lanes[who], connection.lanes[who.other]
        if packet.type == Type.SYN:
            mine.begins(packet.number + 1)
            return out
        self._acknowledges(side, connection, packet, theirs, out)
        if packet.type == Type.DATA:
            self._say(connection, who, mine.take(packet.number, packet.payload), out)
        elif packet.type == Type.FIN:
            mine.begins(packet.number)
            mine.ended = packet.number
        if mine.over and theirs.over:
            self._close(connection, "fin", out)
        return out

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - of either
        """Some datagram was not captured whole."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more; connections are told of once neither does."""
        out: list[Output] = []
        if side is Side.SERVER:
            for connection in list(self._connections.values()):
                self._close(connection, "", out)
        return out

    # -- connections ---------------------------------------------------------------------------

    def _connection(self, side: Side, packet: Packet, out: list[Output]) -> _Connection | None:
        """Return the connection that a packet belongs to; None where that is not known yet."""
        number = packet.connection
        if packet.type == Type.SYN:
            known = self._connections.get(number)
            if known is not None and known.syn == packet.number:
                return known  # sent again
            made = self._make(side, number, out, True)
            made.syn = packet.number
            return made
        for opened, opener in (((number - 1) % AROUND, side), (number, side.other)):
            found = self._connections.get(opened)
            if found is not None and found.opener is opener:
                return found
            if opened in self._over:
                return None
        return self._joined(side, number, out)

    def _joined(self, side: Side, number: int, out: list[Output]) -> _Connection | None:
        """Make a connection whose beginning was not seen, once both its ids were."""
        theirs = self._ids[side.other]
        if (number - 1) % AROUND in theirs:
            self.standing = Standing.PARSED
            return self._make(side, (number - 1) % AROUND, out, False)
        if (number + 1) % AROUND in theirs:
            self.standing = Standing.PARSED
            return self._make(side.other, number, out, False)
        if number not in self._ids[side]:
            self._ids[side].append(number)
        return None

    def _make(self, opener: Side, number: int, out: list[Output], begun: bool) -> _Connection:
        if (old := self._connections.get(number)) is not None:
            self._close(old, "", out)
        if len(self._connections) >= CONNECTIONS:
            self._close(next(iter(self._connections.values())), "", out)
        made = self._connections[number] = _Connection(opener, number, begun=begun)
        return made

    def _acknowledges(
        self, side: Side, connection: _Connection, packet: Packet, theirs: Lane, out: list[Output]
    ) -> None:
        """Learn from a packet how far the other side's have come."""
        if side is not connection.opener and packet.acknowledged == connection.syn:
            self.standing = Standing.PARSED
        if connection.begun:  # where nothing came yet, the first after the answer to the SYN tells
            theirs.begins(packet.acknowledged + 1)
        told = theirs.acknowledged(packet.acknowledged)
        self._say(connection, connection.side(side.other), told, out)

    def _close(self, connection: _Connection, how: str, out: list[Output]) -> None:
        self._connections.pop(connection.id, None)
        self._over.append(connection.id)
        sent, received = connection.lanes
        if connection.told:
            out.append(InnerEnd(channel=str(connection.id)))
        told = UtpConnection(
            id=connection.id,
            sent=sent.octets,
            received=received.octets,
            lost=sent.lost + received.lost,
            readable=bool(connection.open),
            ended=how,
        )
        out.append(told)

    # -- what they carry -----------------------------------------------------------------------

    def _say(
        self, connection: _Connection, who: Side, parts: list[bytes | None], out: list[Output]
    ) -> None:
        channel = str(connection.id)
        for part in parts:
            if connection.open is None:
                connection.open = part is None or OPENING[: len(part)] == part[: len(OPENING)]
                if not connection.open:
                    out.append(PeersSealed(carrier="utp"))
            if not connection.open:
                continue
            if not connection.told:
                connection.told = True
                out.append(self._open(channel, connection.opener is Side.SERVER))
            if part is None:
                out.append(InnerGap(side=who, size=0, channel=channel))
            else:
                out.append(Inner(side=who, data=part, channel=channel))

    def _open(self, channel: str, inbound: bool = False, datagrams: bool = False) -> Open:
        return Open(
            channel=channel,
            host=self._far.address,
            port=self._far.port,
            transport="udp" if datagrams else "tcp",
            inbound=inbound,
        )

    def _other(self, side: Side, data: bytes) -> list[Output]:
        """Take a datagram that is not uTP's: the hash table's go to its decoder."""
        if not data.startswith(_TABLE):
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
            return []
        opened = [] if self._table else [self._open(TABLE, False, True)]
        self._table = True
        return [*opened, Inner(side=side, data=data, channel=TABLE)]
