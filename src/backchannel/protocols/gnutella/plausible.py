"""Whether bytes that nobody introduced are Gnutella: every field of a message must fit its kind.

Used on datagrams and on streams whose handshake was not seen, where one lucky header must not
make a claim. Random bytes pass once in more than 2^40.
"""

from collections.abc import Callable

from backchannel.protocols.deflated import inflate
from backchannel.protocols.gnutella import ggep, hits, wire
from backchannel.protocols.gnutella.dht import OPCODES
from backchannel.protocols.gnutella.reliable import read_datagram
from backchannel.protocols.gnutella.wire import Message
from backchannel.protocols.gnutella2 import tree
from backchannel.reader import WireError

ENOUGH = 3
"""Whole messages of a stream that make a claim."""
_HOUSEKEEPING = (wire.VENDOR, wire.STANDARD, wire.QRP)
_DISTINCT = 6
"""Different bytes in a message id: random ones have nearly 16, counters and padding have few."""


def plausible(message: Message, *, stream: bool) -> bool:
    """Whether *message* is one that a servent would send."""
    check = _BODIES.get(message.kind)
    if check is None or (stream and message.kind in (wire.DHT, wire.RUDP)):
        return False
    if message.kind == wire.DHT:
        return check(message)
    ttl = message.ttl if stream else message.ttl & ~(wire.DEFLATED | wire.CAN_INFLATE)
    if not 0 < ttl + message.hops <= wire.HIGHEST:
        return False
    if message.kind not in _HOUSEKEEPING and len(set(message.guid)) < _DISTINCT:
        return False
    if not stream and message.ttl & wire.DEFLATED:
        return message.body[:1] in (b"x", b"h", b"H", b"X", b"8", b"(", b"\x18")
    return check(message)


def _ping(message: Message) -> bool:
    return not message.body or _extended(message.body)


def _pong(message: Message) -> bool:
    rest = message.body[14:]
    return len(message.body) >= 14 and (not rest or _extended(rest))


def _extended(data: bytes) -> bool:
    """Whether *data* is a sound GGEP block."""
    if data[0] != ggep.MAGIC:
        return False
    found = ggep.read_extensions(data)
    return bool(found.ggep) and not found.damaged


def _bye(message: Message) -> bool:
    code = int.from_bytes(message.body[:2], "little")
    return 200 <= code < 600 and message.hops == 0


def _routes(message: Message) -> bool:
    body = message.body
    if message.hops or not body:
        return False
    slots = int.from_bytes(body[1:5], "little")
    if body[0] == 0:
        return len(body) == 6 and slots.bit_count() == 1
    return body[0] == 1 and len(body) > 5 and 0 < body[1] <= body[2] and body[4] in (1, 4, 8)


def _vendor(message: Message) -> bool:
    vendor = message.body[:4]
    if len(message.body) < 8 or message.hops:
        return False
    return vendor == bytes(4) or (vendor.isalnum() and vendor == vendor.upper())


def _push(message: Message) -> bool:
    rest = message.body[26:]
    return len(message.body) >= 26 and (not rest or _extended(rest))


def _dht(message: Message) -> bool:
    body = message.body
    return len(body) >= 38 and body[0] in OPCODES and body[1:5].isalnum() and body[27] in (4, 16)


def _rudp(message: Message) -> bool:
    return message.hops == 0 and len(message.body) < 1024


def _query(message: Message) -> bool:
    body = message.body
    end = body.find(b"\0", 2)
    if end < 0 or len(body) < 4:
        return False
    text, rest = body[2:end], body[end + 1 :]
    if not (text or rest) or any(byte < 32 for byte in text):
        return False
    return not rest or rest[0] in (0, ggep.MAGIC) or rest[:1].isalnum() or rest[0] in b"<{"


def _hit(message: Message) -> bool:
    try:
        found = hits.read_hit(message.body)
    except WireError:
        return False
    return bool(found.files) and all(file.name.isprintable() for file in found.files)


_BODIES: dict[int, Callable[[Message], bool]] = {
    wire.PING: _ping,
    wire.PONG: _pong,
    wire.BYE: _bye,
    wire.QRP: _routes,
    wire.VENDOR: _vendor,
    wire.STANDARD: _vendor,
    wire.PUSH: _push,
    wire.RUDP: _rudp,
    wire.DHT: _dht,
    wire.QUERY: _query,
    wire.HIT: _hit,
}


def count_messages(data: bytes) -> int:
    """Return how many whole messages *data* begins with; -1 if it is not the start of a stream."""
    buffer, count = bytearray(data), 0
    try:
        for message in wire.take_messages(buffer):
            if not plausible(message, stream=True):
                return -1
            count += 1
    except WireError:
        return -1
    return -1 if len(buffer) >= wire.HEADER and not _begins(buffer) else count


def _begins(buffer: bytearray) -> bool:
    """Whether a message whose body is not all there can be one."""
    head = Message(bytes(buffer[:16]), buffer[16], buffer[17], buffer[18], b"")
    housekeeping = head.kind in _HOUSEKEEPING or len(set(head.guid)) >= _DISTINCT
    return head.kind in _BODIES and 0 < head.ttl + head.hops <= wire.HIGHEST and housekeeping


def network_of(data: bytes) -> str:
    """Return the network that a datagram belongs to; empty for none."""
    if data[:3] in (b"GND", b"GTA"):
        try:
            datagram = read_datagram(data)
            if datagram.tag == b"GND":
                _check_packets(datagram.part, datagram.count, datagram.flags, datagram.data)
        except WireError:
            return ""
        return "gnutella2" if datagram.tag == b"GND" else "gnutella"
    try:
        message = wire.read_message(data)
    except WireError:
        return ""
    return "gnutella" if plausible(message, stream=False) else ""


def _check_packets(part: int, count: int, flags: int, data: bytes) -> None:
    """Raise WireError unless *data* can be the part of a payload that it says it is."""
    if count and not data:
        raise WireError("empty part")
    if count == 1:
        tree.read_packets(inflate(data, wire.MAX_BODY) if flags & 1 else data)
    elif part == 1 and count and not flags & 1:
        for _ in tree.take_packets(bytearray(data[:64])):
            pass
