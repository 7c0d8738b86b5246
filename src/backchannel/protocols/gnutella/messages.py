"""Bodies of Gnutella messages to events. One small function a kind, one table at the bottom.

Each takes the message and the flow's memory; a body in no valid form raises
WireError, which costs that message only.
"""

from collections.abc import Callable

from backchannel.effects import Expect
from backchannel.events import Malformed, Peer, Search, SearchHit, Share, SignOff
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.gnutella import dht, ggep, hits, vendor, wire
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.routes import Routes
from backchannel.protocols.gnutella.vendors import vendor_name
from backchannel.protocols.gnutella.wire import Message
from backchannel.reader import Reader, WireError
from backchannel.text import decode

MAX_TEXT = 1024
PUSH_SIZE, PONG_SIZE = 26, 14

_MODERN = 0x8000
_OUT_OF_BAND = 0x0400
_QUERY_FLAGS = (
    (0x4000, "firewalled"),
    (0x2000, "wants metadata"),
    (0x1000, "leaf-guided"),
    (0x0400, "out-of-band"),
    (0x0200, "firewall-to-firewall"),
)
_MEDIA = (
    (0x04, "audio"),
    (0x08, "video"),
    (0x10, "documents"),
    (0x20, "images"),
    (0x40, "windows programs"),
    (0x80, "unix programs"),
)
"""GGEP `M` (gtk-gnutella, doc/public/GGEP/M)."""


def pong(message: Message, memory: Memory) -> list[Output]:
    """Somebody is there: address, shared files, and in GGEP more hosts."""
    body = Reader(message.body)
    port, address = body.u16le(), body.ipv4()
    files, kilobytes = body.u32le(), body.u32le()
    found = ggep.read_extensions(message.body[PONG_SIZE:]).ggep if body else {}
    role = "host-cache" if "UDPHC" in found else "ultrapeer" if "UP" in found else ""
    software = _pong_software(found.get("VC", b""))
    out: list[Output] = []
    for where, number in _own(address, port, found.get("6", b"")):
        peer = Peer(
            address=where,
            port=number,
            role=role,
            software=software,
            files=files,
            kilobytes=kilobytes,
        )
        out += memory.peer(peer)
    if name := decode(found.get("UDPHC", b"")[:255]):  # a host cache may go by a name as well
        out += memory.peers([(name, port)], role)
    return out + _packed(found, memory) if found else out


def _own(address: str, port: int, wide: bytes) -> list[tuple[str, int]]:
    """Return the addresses that a message gives for its sender: IPv4, and IPv6 in GGEP `6`."""
    own = [(address, port)] if wire.usable(address, port) else []
    if len(wide) == 16:
        own += wire.hosts(wide + port.to_bytes(2, "little"), wide=True)
    return own


def _pong_software(code: bytes) -> str:
    """GGEP `VC`: four letters, and a byte that is LimeWire's version and anything elsewhere."""
    name = vendor_name(code[:4]) if len(code) >= 4 else ""
    return f"{name} {code[4] >> 4}.{code[4] & 15}" if code[:4] == b"LIME" and code[4:] else name


_PACKED = (
    ("IPP", False, ""),
    ("IPP6", True, ""),
    ("GTKG.IPP6", True, ""),
    ("DHTIPP", False, "dht"),
    ("DHTIPP6", True, "dht"),
)


def _packed(found: dict[str, bytes], memory: Memory) -> list[Output]:
    out: list[Output] = []
    for name, wide, role in _PACKED:
        if data := found.get(name):
            out += memory.peers(wire.hosts(data, wide=wide), role)
    if seen := found.get("IP"):
        out += memory.disclosed("pong-ip", wire.hosts(seen, wide=len(seen) == 18))
    if caches := found.get("PHC"):
        out += memory.peers(_caches(caches), "host-cache")
    return out


def _caches(data: bytes) -> list[tuple[str, int]]:
    """GGEP `PHC`: lines of `host[:port][&options]`."""
    found = []
    for line in decode(data).splitlines()[:64]:
        host, _, port = line.partition("&")[0].strip().partition(":")
        if host and host.isprintable():
            number = int(port) if port.isdecimal() and len(port) < 6 else 0
            found.append((host[:255], number if 0 < number < 65_536 else 6346))
    return found


def query(message: Message, memory: Memory) -> list[Output]:
    """Somebody looks for words, hashes or metadata."""
    body = message.body
    if len(body) < 3:
        raise WireError(f"query of {len(body)} bytes")
    flags, end = int.from_bytes(body[:2], "big"), body.find(b"\0", 2)
    text = decode(body[2 : end if end >= 0 else len(body)][:MAX_TEXT])
    found = ggep.read_extensions(body[end + 1 :] if end >= 0 else b"")
    memory.asked(message.guid, text)
    guid = message.guid.hex()
    detail = _query_detail(flags, message, found.ggep)
    words = text.strip() or decode(found.ggep.get("XQ", b"")[:MAX_TEXT]) or found.xml()[:MAX_TEXT]
    out: list[Output] = []
    if words:
        out.append(Search(text=words, id=guid, detail=detail))
    out += [Search(text=urn[:255], id=guid, detail=detail) for urn in found.urns()[:8]]
    if flags & _MODERN and flags & _OUT_OF_BAND:
        out += _wants_answers(message.guid, found.ggep, memory)
    return out


def _query_detail(flags: int, message: Message, found: dict[str, bytes]) -> str:
    parts = []
    if flags & _MODERN:
        parts += [name for bit, name in _QUERY_FLAGS if flags & bit]
    if media := ggep.number(found.get("M", b"")):
        parts += [name for bit, name in _MEDIA if media & bit]
    if "WH" in found:
        parts.append("what is new")
    if "QK" in found:
        parts.append("GUESS")
    return ", ".join([*parts, f"{message.hops} hops"])


def _wants_answers(guid: bytes, found: dict[str, bytes], memory: Memory) -> list[Output]:
    """Out-of-band queries carry the asker's address in their id (bytes 0-3 and 13-14)."""
    port = int.from_bytes(guid[13:15], "little")
    own = _own(wire.ipv4(guid), port, found.get("6", b""))
    return memory.disclosed("out-of-band-query", own, transport="udp")


def hit(message: Message, memory: Memory) -> list[Output]:
    """A servent has what a query asked for."""
    found = hits.read_hit(message.body)
    out: list[Output] = [
        SearchHit(
            owner=found.servent,
            address=found.address,
            port=found.port,
            id=message.guid.hex(),
            files=found.files,
            detail=found.detail,
        )
    ]
    out += _hit_addresses(found, memory) + memory.names.learn(found.files)
    for file in found.files[:16]:
        out += memory.answered(message.guid, found.servent, file.name, file.size)
    return out


def listing(message: Message, memory: Memory) -> list[Output]:
    """A page of what a host shares: query hits that answer no query (browse host)."""
    found = hits.read_hit(message.body)
    out: list[Output] = [Share(owner=found.servent, files=found.files)]
    return out + _hit_addresses(found, memory) + memory.names.learn(found.files)


def _hit_addresses(found: hits.Hit, memory: Memory) -> list[Output]:
    out: list[Output] = []
    if wire.usable(found.address, found.port):
        out += memory.disclosed("query-hit", [(found.address, found.port)], found.servent)
    out += memory.disclosed("push-proxy", list(found.proxies), found.servent)
    return out + memory.disclosed("alternate", found.alternates)


def push(message: Message, memory: Memory) -> list[Output]:
    """A servent is asked to connect to somebody, because it cannot be connected to."""
    body = Reader(message.body)
    servent, index, address, port = body.take(16).hex(), body.u32le(), body.ipv4(), body.u16le()
    found = ggep.read_extensions(message.body[PUSH_SIZE:]).ggep if body else {}
    own = _own(address, port, found.get("6", b""))
    out = memory.disclosed("push", own)
    return out + [expected(where, number, servent, index) for where, number in own]


def expected(address: str, port: int, servent: str, index: int) -> Expect:
    """Return the announcement that *servent* will connect to *address* and offer a file."""
    return Expect(
        protocol="gnutella",
        purpose=Capability.FILE_SHARING,
        address=address,
        port=port,
        accounts=(servent,),
        context=("push", servent, index),
    )


def bye(message: Message, _memory: Memory) -> list[Output]:
    """The sender leaves, and says why."""
    body = Reader(message.body)
    code = body.u16le()
    text = decode(body.rest()[:MAX_TEXT]).split("\0")[0].split("\r\n")[0].strip()
    return [SignOff(account="", reason=f"{code} {text}".strip())]


KINDS: dict[int, Callable[[Message, Memory], list[Output]]] = {
    wire.PONG: pong,
    wire.BYE: bye,
    wire.VENDOR: vendor.read,
    wire.STANDARD: vendor.read,
    wire.PUSH: push,
    wire.DHT: dht.read,
    wire.QUERY: query,
    wire.HIT: hit,
}
"""What is not here, such as pings, is counted only; routing tables need `routes.py`."""


def tell(message: Message, side: Side, memory: Memory, routes: Routes) -> list[Output]:
    """Return what one message of a stream means, counted, with what is abusive about it."""
    kind = message.kind
    memory.count(side, wire.NAMES.get(kind, "unknown"), wire.HEADER + len(message.body))
    out = abuse(message, memory)
    try:
        if kind == wire.QRP:
            return out + routes.take(message.body)
        reader = KINDS.get(kind)
        return out + reader(message, memory) if reader else out
    except WireError as error:
        return [*out, Malformed(reason=f"{wire.NAMES.get(kind, 'message')}: {error}")]


def abuse(message: Message, memory: Memory) -> list[Output]:
    """Return an anomaly for a message that would travel, or has travelled, too far."""
    if message.ttl + message.hops <= wire.HIGHEST or message.kind == wire.DHT:
        return []
    detail = (
        f"{wire.NAMES.get(message.kind, 'message')} with TTL {message.ttl}, {message.hops} hops"
    )
    return memory.warn("excessive-ttl", detail, each="hops" if message.hops > wire.HIGHEST else "")
