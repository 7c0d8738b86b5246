"""One flow of uTP: its connections put in order, and the peers inside them. Datagrams in.

The two ends of a flow may have several connections, whose two ids differ by one: who opened it
sends with the larger. What a connection carries is an inner stream if it opens with a plain
handshake of peers, or if its beginning was not seen; an encrypted one (MSE) is counted. Programs
have their node of the hash table on the same port, so its messages come on the same flows: they
are an inner stream too. Held: CONNECTIONS, each with two `Lane`s, and IDS.
"""

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
from backchannel.protocols.bittorrent_utp.wire import LAST, Packet, Type, read_packet

__all__ = ["Session", "recognise"]

CONNECTIONS = 8
IDS = 16
TABLE = "dht"
"""Channel of the hash table's messages."""
_TABLE = b"d1:", b"d2:"
_NO_SYN = -1
_LAST = LAST
_DATA, _FIN, _RESET, _SYN = Type.DATA, Type.FIN, Type.RESET, Type.SYN
_CLIENT, _SERVER = _SIDES = tuple(Side)


class _Connection:
    """One connection of the flow."""

    def __init__(self, opener: Side, number: int, *, begun: bool) -> None:
        self.opener, self.id = opener, number
        self.channel = str(number)
        self.lanes = [Lane(), Lane()]
        """Of who opened it, and of the other."""
        self.syn = _NO_SYN
        """Number of its SYN."""
        self.begun = begun
        self.open: bool | None = None if begun else True
        """Whether its bytes are an inner stream; None until the first of them came."""
        self.told = False
        """Whether that inner stream was opened."""

    def side(self, sender: Side) -> Side:
        """Return *sender* as the inner stream sees it: who opened it is the client."""
        return _CLIENT if sender is self.opener else _SERVER


class Session(Decoder):
    """Decodes one flow."""

    def __init__(self, start: Start) -> None:
        self.service = "bittorrent"
        self.standing = Standing.CLAIMED
        self.done = False
        self._far = start.server
        self._connections: dict[int, _Connection] = {}
        self._ids: list[list[int]] = [[], []]
        self._over: list[int] = []
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
        if packet.type == _RESET:
            self._close(connection, "reset", out)
            return out
        who = connection.side(side)
        far = who.other
        mine, theirs = connection.lanes[who], connection.lanes[far]
        if packet.type == _SYN:
            mine.begins(packet.number + 1)
            return out
        if side is not connection.opener and packet.acknowledged == connection.syn:
            self.standing = Standing.PARSED
        if connection.begun:  # where nothing came yet, the first after the answer to the SYN tells
            theirs.begins(packet.acknowledged + 1)
        if told := theirs.acknowledged(packet.acknowledged):
            self._say(connection, far, told, out)
        if packet.type == _DATA:
            self._say(connection, who, mine.take(packet.number, packet.payload), out)
        elif packet.type == _FIN:
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
        if packet.type == _SYN:
            known = self._connections.get(number)
            if known is not None and known.syn == packet.number:
                return known  # sent again
            made = self._make(side, number, out, True)
            made.syn = packet.number
            return made
        opened = number - 1 & _LAST
        known = self._connections.get(opened)
        if known is not None and known.opener is side:
            return known
        other = self._connections.get(number)
        if opened in self._over:
            return None
        if other is not None and other.opener is not side:
            return other
        return None if number in self._over else self._joined(side, number, out)

    def _joined(self, side: Side, number: int, out: list[Output]) -> _Connection | None:
        """Make a connection whose beginning was not seen, once both its ids were."""
        theirs, before = self._ids[side.other], number - 1 & _LAST
        if before in theirs:
            self.standing = Standing.PARSED
            return self._make(side, before, out, False)
        if number + 1 & _LAST in theirs:
            self.standing = Standing.PARSED
            return self._make(side.other, number, out, False)
        if number not in self._ids[side]:
            _note(self._ids[side], number)
        return None

    def _make(self, opener: Side, number: int, out: list[Output], begun: bool) -> _Connection:
        if (old := self._connections.get(number)) is not None:
            self._close(old, "", out)
        if len(self._connections) >= CONNECTIONS:
            self._close(next(iter(self._connections.values())), "", out)
        made = self._connections[number] = _Connection(opener, number, begun=begun)
        return made

    def _close(self, connection: _Connection, how: str, out: list[Output]) -> None:
        self._connections.pop(connection.id, None)
        _note(self._over, connection.id)
        sent, received = connection.lanes
        for who, lane in zip(_SIDES, connection.lanes, strict=True):
            self._say(connection, who, lane.rest(), out)
        if connection.told:
            out.append(InnerEnd(channel=connection.channel))
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
        channel = connection.channel
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


def _note(ids: list[int], number: int) -> None:
    """Keep a number, of IDS the latest."""
    ids.append(number)
    if len(ids) > IDS:
        del ids[0]
