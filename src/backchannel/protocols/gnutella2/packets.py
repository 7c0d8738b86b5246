"""Gnutella2 packets to events. One small function a packet, one table at the bottom.

Sources: the Gnutella2 standard's packet lists as carried by Shareaza (G2Neighbour, QueryHit,
QuerySearch, G2Packet) and gtk-gnutella (src/core/g2/build.c, node.c, src/core/search.c).
"""

import re
from collections.abc import Callable
from ipaddress import IPv6Address

from backchannel.events import Malformed, Peer, Profile, Search, SearchHit, Share, Software
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.gnutella import messages, wire
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.routes import Routes
from backchannel.protocols.gnutella.vendors import vendor_name
from backchannel.protocols.gnutella2 import results
from backchannel.protocols.gnutella2.tree import Packet, open_packet, payload
from backchannel.reader import WireError
from backchannel.text import decode

MAX_TEXT = 1024
GUID = 16

_HANDLE = re.compile(r"<handle[^>]{0,200}?primary=\"([^\"]{1,120})\"")

Children = list[Packet]


_NARROW = frozenset({6, 10, 24, 28, 32})
_WIDE = {18: 0, 22: 0, 24: 6, 28: 10, 32: 10}
"""Where an IPv6 address stands in fields of these sizes: each address may have four bytes behind
it (a time or a query key), and both families may share a field.
"""


def address(data: bytes) -> list[tuple[str, int]]:
    """Return the usable addresses in *data*: IPv4 with its port, IPv6, or both."""
    found = wire.hosts(data[:6]) if len(data) in _NARROW else []
    if (at := _WIDE.get(len(data), -1)) >= 0:
        found += wire.hosts(data[at : at + 18], wide=True)
    return found


def _child(children: Children, name: str) -> bytes:
    """Return the payload of the first child *name*; empty where there is none."""
    return next((payload(child) for child in children if child.name == name), b"")


def _peer(children: Children, own: bytes, role: str, memory: Memory) -> list[Output]:
    """Return one member of the network, described by *children*."""
    library, software = _child(children, "LS"), vendor_name(_child(children, "V")[:4])
    out: list[Output] = []
    for where, port in address(own):
        peer = Peer(
            address=where,
            port=port,
            role=role,
            software=software,
            files=int.from_bytes(library[:4], "little"),
            kilobytes=int.from_bytes(library[4:8], "little"),
        )
        out += memory.peer(peer)
    return out


def local_node(children: Children, _body: bytes, memory: Memory) -> list[Output]:
    """LNI: who I am, what I share, whether I am a hub."""
    servent = _child(children, "GU").hex()
    own = _child(children, "NA")
    names = {child.name for child in children}
    out = _peer(children, own, "hub" if "HS" in names else "leaf", memory)
    out += memory.disclosed("local-node", address(own), servent)
    name = vendor_name(_child(children, "V")[:4])
    if name and memory.first(f"vendor {servent} {name}"):
        out.append(Software(name=name, role="peer", account=servent))
    return out


def hubs(children: Children, _body: bytes, memory: Memory) -> list[Output]:
    """KHL, KHLA: hubs that the sender is connected to (NH) or remembers (CH)."""
    out: list[Output] = []
    for child in children:
        if child.name in ("NH", "CH"):
            inner, own = open_packet(child)
            out += _peer(inner, own or _child(inner, "NA"), "hub", memory)
        elif child.name == "YOURIP" and len(child.body) in (4, 16):
            out += memory.disclosed("remote-ip", [(_bare(child.body), 0)])
    return out


def _bare(data: bytes) -> str:
    return wire.ipv4(data) if len(data) == 4 else str(IPv6Address(data))


def advertisement(children: Children, _body: bytes, memory: Memory) -> list[Output]:
    """HAW: a hub advertises itself by a random walk."""
    return _peer(children, _child(children, "NA"), "hub", memory)


def crawled(children: Children, _body: bytes, memory: Memory) -> list[Output]:
    """CRAWLA: a hub tells a crawler of itself, its neighbours and its leaves."""
    roles = {"SELF": "hub", "NH": "hub", "NL": "leaf"}
    out: list[Output] = []
    for child in children:
        if role := roles.get(child.name):
            inner, _ = open_packet(child)
            out += _peer(inner, _child(inner, "NA"), role, memory)
    return out


def ping(children: Children, _body: bytes, memory: Memory) -> list[Output]:
    """PI: with an address inside, whoever gets it shall answer there."""
    return memory.disclosed("ping", address(_child(children, "UDP")), transport="udp")


def query(children: Children, body: bytes, memory: Memory) -> list[Output]:
    """Q2: somebody looks for words, hashes or metadata, to be answered by UDP."""
    if len(body) < GUID:
        raise WireError("query without an id")
    guid = body[:GUID]
    text = decode(_child(children, "DN").rstrip(b"\0")[:MAX_TEXT])
    metadata = decode(_child(children, "MD").rstrip(b"\0")[:MAX_TEXT])
    detail = ", ".join(_wishes(children, metadata))
    memory.asked(guid, text)
    out: list[Output] = []
    if words := text.strip() or metadata:
        out.append(Search(text=words, id=guid.hex(), detail=detail))
    urns = [results.urn(payload(child)) for child in children if child.name == "URN"]
    out += [Search(text=urn, id=guid.hex(), detail=detail) for urn in urns if urn]
    own = address(_child(children, "UDP"))
    return out + memory.disclosed("query", own, transport="udp")


def _wishes(children: Children, metadata: str) -> list[str]:
    wishes = [metadata] if metadata else []
    for child in children:
        if child.name == "NAT":
            wishes.append("firewalled")
        elif child.name == "SZR" and len(sizes := payload(child)) in (8, 16):
            half = len(sizes) // 2
            low, high = (int.from_bytes(part, "little") for part in (sizes[:half], sizes[half:]))
            wishes.append(f"{low} to {high} bytes")
    return wishes


def hit(children: Children, body: bytes, memory: Memory) -> list[Output]:
    """QH2: a servent has what a query asked for. Payload: hops, and the query's id."""
    if len(body) < 1 + GUID:
        raise WireError("query hit without an id")
    found = results.read_hit(children)
    guid = body[1 : 1 + GUID]
    where, port = next(iter(address(found.node)), ("", 0))
    out: list[Output] = [
        SearchHit(
            owner=found.servent,
            address=where,
            port=port,
            id=guid.hex(),
            files=found.files,
            detail=found.detail,
        )
    ]
    out += _hit_addresses(found, memory) + memory.names.learn(found.files)
    for file in found.files[:16]:
        out += memory.answered(guid, found.servent, file.name, file.size)
    return out


def _hit_addresses(found: results.Hit, memory: Memory) -> list[Output]:
    out = memory.disclosed("query-hit", address(found.node), found.servent)
    for hub in found.hubs:
        out += memory.disclosed("push-proxy", address(hub), found.servent)
    if found.nickname and memory.first(f"nick {found.servent} {found.nickname}"):
        out.append(Profile(account=found.servent, nickname=found.nickname))
    return out


def listing(packet: Packet, memory: Memory) -> list[Output]:
    """Return what a page of a browsed host's list tells."""
    if packet.name != "QH2":
        return []
    found = results.read_hit(open_packet(packet)[0])
    out: list[Output] = [Share(owner=found.servent, files=found.files)]
    return out + _hit_addresses(found, memory) + memory.names.learn(found.files)


def acknowledged(children: Children, _body: bytes, memory: Memory) -> list[Output]:
    """QA: a hub has searched: it and its neighbours (D), and others to try (S)."""
    out: list[Output] = []
    for child in children:
        if child.name in ("D", "S"):
            out += memory.peers(wire.hosts(payload(child)[:6]), "hub")
        elif child.name == "FR":
            out += memory.peers(address(payload(child)), "hub")
    return out


def key_request(children: Children, _body: bytes, memory: Memory) -> list[Output]:
    """QKR: give me a key, so that I may search; it goes to the address inside."""
    return memory.disclosed("query-key-request", address(_child(children, "RNA")), transport="udp")


def push(children: Children, body: bytes, memory: Memory) -> list[Output]:
    """PUSH: a servent (TO) is asked to connect to the address in the payload."""
    own, servent = address(body), _child(children, "TO").hex()
    out = memory.disclosed("push", own)
    return out + [messages.expected(where, port, servent, 0) for where, port in own]


def profile(children: Children, _body: bytes, _memory: Memory) -> list[Output]:
    """UPROD: what a user tells about himself, in XML."""
    text = decode(_child(children, "XML")[:8192])
    nickname = found[1] if (found := _HANDLE.search(text)) else ""
    return [Profile(account=nickname, nickname=nickname, text=text)] if text else []


PACKETS: dict[str, Callable[[Children, bytes, Memory], list[Output]]] = {
    "LNI": local_node,
    "KHL": hubs,
    "KHLA": hubs,
    "HAW": advertisement,
    "CRAWLA": crawled,
    "PI": ping,
    "Q2": query,
    "QH2": hit,
    "QA": acknowledged,
    "QKR": key_request,
    "PUSH": push,
    "UPROD": profile,
}
"""What is not here is counted only."""


def tell(packet: Packet, side: Side, memory: Memory, routes: Routes) -> list[Output]:
    """Return what one packet means, counted."""
    memory.count(side, packet.name, len(packet.body) + 2 + len(packet.name))
    reader = PACKETS.get(packet.name)
    if reader is None and packet.name != "QHT":
        return []
    try:
        children, body = open_packet(packet)
        return routes.take(body) if reader is None else reader(children, body, memory)
    except WireError as error:
        return [Malformed(reason=f"{packet.name}: {error}")]
