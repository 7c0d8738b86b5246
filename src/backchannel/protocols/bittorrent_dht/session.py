"""Two nodes of BitTorrent's hash table: their queries and answers. Datagrams in, events out.

Every flow is a few questions and answers, and a node has thousands of flows, so what is told of
each is little: what was searched and announced, who has it, and a summary of each side at the end.
A message costs one walk through its values. After ENOUGH messages a flow is left alone. Programs
use one port for uTP too: what of it comes on the flow is an inner stream.

Held: PENDING questions a side, and REMEMBERED info hashes and peers that were told.
"""

import re
from typing import NamedTuple

from backchannel.decoder import Decoder
from backchannel.effects import Inner, Open
from backchannel.events import (
    Gap,
    Malformed,
    PeerAddress,
    Search,
    SearchHit,
    Share,
    SharedFile,
    Software,
)
from backchannel.model import Capability, Claim, Endpoint, More, Side, Standing
from backchannel.patterns import later
from backchannel.protocols import Output, Peek, Start, bencode
from backchannel.protocols.bencode import Dict
from backchannel.protocols.bittorrent.meeting import meet
from backchannel.protocols.bittorrent_dht import krpc
from backchannel.protocols.bittorrent_dht.events import DhtItem, DhtNode, Swarm
from backchannel.protocols.bittorrent_dht.krpc import Message
from backchannel.protocols.bittorrent_utp.wire import payload_at
from backchannel.protocols.compact import V4, V6, addresses
from backchannel.reader import WireError
from backchannel.text import utf8

UTP = "utp"
"""Channel of the inner stream that uTP is."""
ENOUGH = 4096
"""Messages of a flow that are read: two nodes that ask each other every minute take a day."""
PENDING = 64
REMEMBERED = 1024
KINDS = 32
"""Names of messages that are counted apart."""
SHOWN = 256
"""Bytes of a stored value, a name or a salt that are told."""
NEAR = 4
"""Leading bytes that a node's id has in common with what it looks for when it only looks for its
neighbours: libtorrent asks `get_peers` for that too."""
_BEGINNING = later(rb"d(?:2:ip(?:6:.{6}|18:.{18}))?1:[ar]d2:id20:.{20}[1-9]", re.DOTALL)
"""A question's arguments or an answer's values stand first, and in them the id of who speaks."""
_V4_NODE, _V6_NODE = krpc.ID + V4, krpc.ID + V6


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow whose first datagram is a whole KRPC message: no other bytes parse as one. One
    with a node's id is sure. Where the snap length cut it, its beginning up to the id tells.
    """
    if peek.transport != "udp":
        return None
    data = peek.client if peek.client[:1] == b"d" else peek.server
    if data[:1] != b"d":
        return None
    try:
        message = krpc.read_message(data)
    except WireError:
        cut = _BEGINNING.match(data)
        return Claim("bittorrent-dht", evidence="beginning of a KRPC message") if cut else None
    name = f" {message.name}" if message.name else ""
    sure = bool(message.id)
    return Claim("bittorrent-dht", evidence=f"KRPC {message.kind}{name}", sure=sure)


class _Asked(NamedTuple):
    """What is kept of a question until it is answered."""

    account: str
    info_hash: str
    target: str


class _Node:
    """What one side said so far."""

    def __init__(self) -> None:
        self.id = b""
        self.version = b""
        self.counts: dict[str, int] = {}
        self.nodes = self.samples = self.stored = self.unasked = 0
        self.read_only = self.foreign = False
        """Whether it only asks, and whether something came of it that is no message."""
        self.pending: dict[bytes, _Asked] = {}

    def count(self, name: str) -> None:
        """One more message of that name."""
        counts = self.counts
        if name not in counts and len(counts) >= KINDS:
            name = "other"
        counts[name] = counts.get(name, 0) + 1


class Session(Decoder):
    """Decodes one flow between two nodes."""

    def __init__(self, start: Start) -> None:
        self.service = "bittorrent"
        self.standing = Standing.CLAIMED
        self.done = False
        self._ends = start.client, start.server
        self._nodes = [_Node(), _Node()]
        self._told: set[tuple[str, str, int]] = set()
        self._left = ENOUGH
        self._carries = False
        """Whether uTP came on the same flow."""
        self._summary = start.reads(DhtNode)

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*; return what it meant."""
        node = self._nodes[side]
        if not data.startswith(b"d"):
            return self._foreign(side, node, data, "")
        try:
            message = krpc.read_message(data)
        except WireError as error:
            return self._foreign(side, node, data, str(error))
        self._left -= 1
        self.done = self._left <= 0 and not self._carries
        told = self._introduced(node, message)
        if message.kind == "query":
            return told + self._query(side, node, message)
        return told + self._reply(side, node, message)

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - of either
        """Some datagram was not captured whole."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        node = self._nodes[side]
        if not node.counts or not self._summary:
            return [DhtNode] if node.counts else []
        event = DhtNode(
            id=node.id.hex(),
            software=" ".join(filter(None, krpc.software(node.version))),
            counts=tuple(sorted(node.counts.items())),
            nodes=node.nodes,
            samples=node.samples,
            stored=node.stored,
            unasked=node.unasked,
            read_only=node.read_only,
        )
        self._nodes[side] = _Node()
        return [event]

    def _foreign(self, side: Side, node: _Node, data: bytes, reason: str) -> list[Output]:
        """What is no message is another protocol's: uTP shares the port. *reason* says what is
        wrong with what begins like one.
        """
        if payload_at(data):
            opened = [] if self._carries else [self._open()]
            self._carries = True
            return [*opened, Inner(side=side, data=data, channel=UTP)]
        node.count("foreign")
        first, node.foreign = not node.foreign, True
        return [Malformed(reason=reason)] if reason and first else []

    def _open(self) -> Open:
        far = self._ends[Side.SERVER]
        return Open(channel=UTP, transport="udp", host=far.address, port=far.port)

    def _is_new(self, what: str, address: str = "", port: int = 0) -> bool:
        """Whether *what* was not said yet; the memory starts afresh when it is full."""
        key = what, address, port
        if key in self._told:
            return False
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told.add(key)
        return True

    def _introduced(self, node: _Node, message: Message) -> list[Output]:
        """Note who speaks; tell the program once."""
        node.id = message.id or node.id
        node.read_only |= bencode.number(message.top, b"ro") == 1
        version = bencode.octets(message.top, b"v")[:SHOWN]
        if not version or node.version:
            return []
        node.version = version
        name, number = krpc.software(version)
        return [Software(name=name, version=number, role="peer")] if name else []

    # -- questions -----------------------------------------------------------------------------

    def _query(self, side: Side, node: _Node, message: Message) -> list[Output]:
        node.count(message.name)
        body, account = message.body, message.id.hex()
        asked = _Asked(account, _hash(body, b"info_hash"), _hash(body, b"target"))
        node.pending[message.transaction] = asked
        if len(node.pending) > PENDING:
            del node.pending[next(iter(node.pending))]
        if asked.info_hash or asked.target:
            self.standing = Standing.PARSED  # as 96 bits are fixed, and this is what it is for
        if message.name == "get_peers" and asked.info_hash:
            return self._search(asked.info_hash, account, body)
        if message.name == "announce_peer" and asked.info_hash:
            return self._announce(self._ends[side], asked.info_hash, account, body)
        if message.name == "put":
            return [_item("put", body, "")]
        if message.name == "get" and asked.target and self._is_new(f"get {asked.target}"):
            return [DhtItem(action="get", target=asked.target)]
        return []

    def _search(self, found: str, account: str, body: Dict) -> list[Output]:
        flags = [name for name in ("noseed", "scrape") if bencode.number(body, name.encode())]
        detail = " ".join(["get_peers", *flags])
        near = found[: 2 * NEAR] == account[: 2 * NEAR]
        if near or not self._is_new(f"{detail} {found}"):
            return []
        return [Search(text=found, id=found, account=account, detail=detail)]

    def _announce(self, end: Endpoint, found: str, account: str, body: Dict) -> list[Output]:
        implied = bencode.number(body, b"implied_port") != 0
        port = end.port if implied else bencode.number(body, b"port")
        if not 0 < port <= 0xFFFF or not self._is_new(f"announce {found}", "", port):
            return []
        shared = SharedFile(
            name=utf8(bencode.octets(body, b"n")[:SHOWN]),
            hash=found,
            detail="seed" if bencode.number(body, b"seed") else "",
        )
        address = PeerAddress(
            use=Capability.FILE_SHARING,
            account=account,
            address=end.address,
            port=port,
            how="announce-peer",
        )
        return [Share(owner=account, files=(shared,)), address, *meet(end.address, port)]

    # -- answers -------------------------------------------------------------------------------

    def _reply(self, side: Side, node: _Node, message: Message) -> list[Output]:
        node.count(f"error {message.name}" if message.kind == "error" else "answer")
        asked = self._nodes[side.other].pending.pop(message.transaction, None)
        if asked is None:
            node.unasked += 1
        else:
            self.standing = Standing.PARSED
        asker = self._ends[side.other]
        told = self._seen_as(asker, message, asked)
        if message.kind == "error":
            return told
        body = message.body
        node.nodes += len(bencode.octets(body, b"nodes")) // _V4_NODE
        node.nodes += len(bencode.octets(body, b"nodes6")) // _V6_NODE
        node.samples += len(bencode.octets(body, b"samples")) // krpc.ID
        node.stored = max(node.stored, bencode.number(body, b"num"))
        found = asked.info_hash if asked else ""
        if b"values" in body:
            told += self._peers(asker, found, body)
        if b"BFsd" in body or b"BFpe" in body:
            told += self._counted(found, body)
        if b"v" in body:
            told.append(_item("found", body, asked.target if asked else ""))
        return told

    def _seen_as(self, asker: Endpoint, message: Message, asked: _Asked | None) -> list[Output]:
        """Tell the address that the other side sees, where the asker's packets have another."""
        outside = bencode.octets(message.top, b"ip")
        for address, port in addresses(outside, V6 if len(outside) == V6 else V4, 1):
            if address != asker.address and self._is_new("seen-as", address, port):
                return [
                    PeerAddress(
                        use=Capability.FILE_SHARING,
                        account=asked.account if asked else "",
                        address=address,
                        port=port,
                        transport="udp",
                        how="seen-as",
                    )
                ]
        return []

    def _peers(self, asker: Endpoint, found: str, body: Dict) -> list[Output]:
        """Tell who has the content, and expect the asker to connect there."""
        told: list[Output] = []
        for value in bencode.listed(body, b"values"):
            if not isinstance(value, bytes):
                continue
            for address, port in addresses(value, V6 if len(value) == V6 else V4, 1):
                if self._is_new(found, address, port):
                    told.append(SearchHit(owner="", address=address, port=port, id=found))
                    told += meet(address, port, asker.address)
        return told

    def _counted(self, found: str, body: Dict) -> list[Output]:
        seeds = krpc.estimate(bencode.octets(body, b"BFsd"))
        peers = krpc.estimate(bencode.octets(body, b"BFpe"))
        if not self._is_new(f"swarm {found}"):
            return []
        return [Swarm(hash=found, seeds=seeds, peers=peers, estimated=True)]


def _hash(body: Dict, key: bytes) -> str:
    """Return the info hash or target at *key*, in hexadecimal; empty where there is none."""
    value = bencode.octets(body, key)
    return value.hex() if len(value) == krpc.ID else ""


def _item(action: str, body: Dict, target: str) -> DhtItem:
    raw = body.get(b"v", b"")
    written = bencode.write(raw)
    key, salt = bencode.octets(body, b"k"), bencode.octets(body, b"salt")
    value = raw if isinstance(raw, bytes) else written
    shown = value[:SHOWN]
    return DhtItem(
        action="put" if action == "put" else "found",
        target=target or krpc.target_of(written, key, salt),
        key=key[:64].hex(),
        salt=_words(salt[:SHOWN]),
        sequence=bencode.number(body, b"seq"),
        size=len(value),
        value=_words(shown),
    )


def _words(data: bytes) -> str:
    """Return *data* as text, or in hexadecimal where it is none."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data.hex()
    return text if text.isprintable() else data.hex()
