"""One connection between two BitTorrent peers. Bytes in, events out.

A connection may carry gigabytes, so of blocks no more is held than what `pieces` needs to check
them, and without an info dictionary they are counted only. Held: what `wire`, `extensions` and
`pieces` hold, two sets of piece numbers a side (a bit each, two million at most), KINDS counts.

A connection that is encrypted (MSE) is left alone, unless the peers agreed on plain text
behind its key exchange: then the answering side's handshake stands in its first SEALED bytes.
"""

from backchannel.decoder import Decoder
from backchannel.events import Download, Event, Gap, Malformed, PeerAddress, Software
from backchannel.model import Capability, Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.bittorrent import wire
from backchannel.protocols.bittorrent.events import PeerHandshake, PeersSealed, PeerTraffic
from backchannel.protocols.bittorrent.extensions import Extensions, Known, remembered
from backchannel.protocols.bittorrent.meeting import meet
from backchannel.protocols.bittorrent.pieces import Bits, Content
from backchannel.protocols.bittorrent.recognise import SEALED, recognise
from backchannel.protocols.bittorrent.torrent import Info
from backchannel.protocols.bittorrent.wire import NAMES, Item, Kind, Lane, read_handshake
from backchannel.protocols.peer_id import shown, software
from backchannel.reader import WireError, u32_at

__all__ = ["Session", "recognise"]

KINDS = 48
"""Names of messages that are counted apart."""
_OPEN = -1
"""Bytes seen of a connection that is not encrypted, as far as is known."""
_PARSED = Standing.PARSED
_CLIENT, _NAMES = Side.CLIENT, NAMES
_HANDSHAKE, _MESSAGE, _BLOCK, _CHUNK = Item.HANDSHAKE, Item.MESSAGE, Item.BLOCK, Item.CHUNK
_KEEP_ALIVE, _HAVE, _BITFIELD, _REQUEST = Kind.KEEP_ALIVE, Kind.HAVE, Kind.BITFIELD, Kind.REQUEST
_PORT, _HAVE_ALL, _EXTENDED = Kind.PORT, Kind.HAVE_ALL, Kind.EXTENDED
_ABILITIES = (
    (0, 0x80, "azureus"),
    (5, 0x10, "extensions"),
    (7, 0x10, "version-2"),
    (7, 0x08, "nat-traversal"),
    (7, 0x04, "fast"),
    (7, 0x01, "dht"),
)
"""Bits of the reserved bytes: which byte, which bit, what it says. BEP 4."""


class _Peer:
    """What one side said so far."""

    def __init__(self, *, begun: bool) -> None:
        self.lane = Lane(begun=begun)
        self.hash = b""
        self.counts: dict[str, int] = {}
        self.uploaded = self.blocks = self.taken = self.has = 0
        self.sent, self.claimed = Bits(), Bits()
        self.seeds = False
        self.asked = False

    def count(self, name: str) -> None:
        """One more message of that name."""
        counts = self.counts
        number = counts.get(name)
        if number is None:
            if len(counts) >= KINDS:
                name = "other"
            number = counts.get(name, 0)
        counts[name] = number + 1


class Session(Decoder):
    """Decodes one connection."""

    def __init__(self, start: Start) -> None:
        self.service = "bittorrent"
        self.standing = Standing.CLAIMED
        self.done = False
        self._ends = start.client, start.server
        self._peers = [_Peer(begun=start.begun), _Peer(begun=start.begun)]
        self._names = ["", ""]
        self._extensions = Extensions(Known(self._ends, self._names))
        self._recall = start.recall
        self._content: Content | None = None
        self._sealed = _OPEN
        """Bytes seen of the answering side of a connection that is encrypted."""
        self._first = start.begun

    # -- the contract --------------------------------------------------------------------------

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if self.done:
            return []
        if self._first and data:
            self._first = False
            if data[0] != wire.OPENING[0]:
                self._seal()
        out: list[Output] = []
        if self._sealed == _OPEN or side is _CLIENT:
            self._read(side, data, out)
            return out
        room = SEALED - self._sealed
        self._sealed += len(data[:room])
        self._read(side, data[:room], out)
        if self._sealed == _OPEN:
            self._read(side, data[room:], out)
        elif data[room:]:
            out += self._give_up()
        return out

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; 0 where nobody knows how many."""
        self._first = False
        peer = self._peers[side]
        peer.lane.gap(size)
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        peer = self._peers[side]
        if not peer.counts:
            return self._give_up() if self._sealed > 0 else []
        traffic = PeerTraffic(
            hash=(peer.hash or self._peers[side.other].hash).hex(),
            peer=self._names[side],
            uploaded=peer.uploaded,
            blocks=peer.blocks,
            pieces=peer.sent.count,
            taken=peer.taken,
            verified=self._content.verified[side] if self._content else 0,
            failed=self._content.failed[side] if self._content else 0,
            has=peer.has,
            seeds=peer.seeds,
            counts=tuple(sorted(peer.counts.items())),
        )
        peer.counts.clear()
        return [traffic]

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a handshake or message, and not ended it."""
        return self._peers[side].lane.partial

    # -- what they say -------------------------------------------------------------------------

    def _read(self, side: Side, data: bytes, out: list[Output]) -> None:
        peer = self._peers[side]
        lane = peer.lane
        lane.add(data)
        try:
            while found := lane.next():
                self._sealed = _OPEN
                if found == _MESSAGE:
                    self._message(side, peer, lane.kind, lane.body, out)
                else:
                    self._item(side, peer, found, out)
        except WireError as error:
            out.append(Malformed(reason=str(error)))
            if self.standing is Standing.CLAIMED:
                self.standing, self.done = Standing.REFUTED, True

    def _seal(self) -> None:
        """The connection is encrypted: look for a handshake in plain text all the same."""
        self._sealed = 0
        for peer in self._peers:
            peer.lane.lose()

    def _give_up(self) -> list[Output]:
        """No plain handshake came, or comes any more."""
        self._sealed, self.done = _OPEN, True
        return [PeersSealed(carrier="tcp")]

    def _item(self, side: Side, peer: _Peer, found: int, out: list[Output]) -> None:
        """Take what is no message."""
        lane = peer.lane
        if found == _CHUNK:
            peer.uploaded += len(lane.body)
            if self._content is not None:
                out += self._content.add(side, lane.piece, lane.offset, lane.body)
        elif found == _BLOCK:
            peer.count("piece")
            peer.blocks += 1
            peer.sent.add(lane.piece)
            self.standing = _PARSED
        else:
            self._handshake(side, peer, lane.body, out)

    def _handshake(self, side: Side, peer: _Peer, body: bytes, out: list[Output]) -> None:
        said = read_handshake(body)
        peer.hash = said.hash
        self._names[side] = name = shown(said.peer)
        if self._peers[side.other].hash == said.hash:
            self.standing = Standing.PARSED
        self._extensions.hash = self._extensions.hash or said.hash
        abilities = tuple([word for at, bit, word in _ABILITIES if said.reserved[at] & bit])
        out.append(PeerHandshake(hash=said.hash.hex(), peer=name, abilities=abilities))
        program, version = software(said.peer)
        if program:
            out.append(Software(name=program, version=version, role="peer", account=name))

    def _message(self, side: Side, peer: _Peer, kind: int, body: bytes, out: list[Output]) -> None:
        name = _NAMES[kind]
        if kind == _EXTENDED:
            name = self._extensions.name(side, body[0]) or "unknown extension"
        peer.count(name)
        if kind != _KEEP_ALIVE:  # behind a handshake, or a request that was found
            self.standing = _PARSED
        if kind == _HAVE:
            self._has(side, peer, u32_at(body, 0))
        elif kind == _BITFIELD:
            peer.has = int.from_bytes(body).bit_count()
            peer.seeds = _full(body)
        elif kind == _HAVE_ALL:
            peer.seeds = True
        elif kind == _REQUEST and not peer.asked:
            peer.asked = True
            if self._recall is not None and self._extensions.hash:
                self._know(self._recall(remembered(self._extensions.hash)))
            out.append(self._asks(side))
        elif kind == _PORT:
            out += self._listens(side, body[0] << 8 | body[1])
        elif kind == _EXTENDED:
            self._extended(side, name, body, out)

    def _has(self, side: Side, peer: _Peer, piece: int) -> None:
        """Note a piece that *side* says it has now: one that the other sent it was good."""
        if peer.claimed.add(piece):
            peer.has += 1
            other = self._peers[1 if side is _CLIENT else 0]
            other.taken += other.sent.has(piece)

    def _asks(self, side: Side) -> Event:
        info = self._extensions.info
        return Download(
            name=info.name if info else "",
            account=self._names[side],
            hash=self._extensions.hash.hex(),
        )

    def _listens(self, side: Side, port: int) -> list[Output]:
        """Tell where a side's node of the hash table is."""
        if not port:
            return []
        address = self._ends[side].address
        told = PeerAddress(
            use=Capability.FILE_SHARING,
            account=self._names[side],
            address=address,
            port=port,
            transport="udp",
            how="dht-port",
        )
        return [told, *meet(address, port, tcp=False)]

    def _extended(self, side: Side, name: str, body: bytes, out: list[Output]) -> None:
        try:
            out += self._extensions.take(side, body)
        except WireError as error:
            out.append(Malformed(reason=f"{name}: {error}"))
        self._know(self._extensions.info)

    def _know(self, info: Info | None) -> None:
        """What the torrent holds is known now, from this connection or from another."""
        if info is not None and self._content is None:
            self._extensions.info = info
            client, server = map(str, self._ends)
            self._content = Content(info, self._extensions.hash.hex(), (client, server))


def _full(bits: bytes) -> bool:
    """Whether a bitfield is of ones alone, as far as the last byte shows."""
    last = bits[-1] if bits else 0
    ones = last and not (~last & 0xFF) & ((~last & 0xFF) + 1)
    return bool(ones) and bits.count(0xFF) >= len(bits) - 1
