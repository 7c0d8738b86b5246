"""DNS traffic: which names stand for which addresses.

An answer's addresses are told for the name that was asked for and for every alias on the way, since
either may be the one that is known. What it says of other names is passed over, as resolvers do:
who answers for one name could lie about all. mDNS answers without a question. Refusals and
questions alone tell nothing. Over TCP at most one message (64 KiB) of each side is held.
"""

from backchannel.decoder import Decoder
from backchannel.events import Gap, Malformed, NameLearned
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.dns import wire
from backchannel.protocols.dns.events import ServiceBinding
from backchannel.protocols.dns.wire import Message
from backchannel.reader import WireError

_REFUTED, _CLAIMED, _PARSED = Standing
_CLAIMS = {
    (answer, flipped): Claim(
        "dns", evidence="DNS answer" if answer else "DNS query", flipped=flipped
    )
    for answer in (False, True)
    for flipped in (False, True)
}
"""What the claims of many flows have in common."""
_ALIASES = 16
"""Longest chain of aliases that is followed."""
_SHORTEST = 17
_HEADER = b"\x78\x40\xff\xfe\xff\x00\xff\x00\xff\x00"
"""Bits behind the identifier that are 0: the opcode, a reserved bit, counts above what is usual."""
_NETBIOS_SIZE = 32
"""NetBIOS writes its names with 32 letters from A to P (RFC 1001 §14.1)."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow whose first message, of either side, is whole and well formed."""
    first = peek.client or peek.server
    if not first or peek.transport == "ip":
        return None
    if peek.transport == "tcp":
        end = 2 + int.from_bytes(first[:2], "big")
        if len(first) < 2 or len(first) < end:
            return MORE if _can_become(first) else None
        first = first[2:end]
    try:
        message = wire.read_message(first)
    except WireError:
        return None
    if not _plausible(message, first):
        return None
    flipped = not peek.begun and message.response == bool(peek.client)
    return _CLAIMS[message.response, flipped]


def _can_become(part: bytes) -> bool:
    """Whether the beginning of a TCP stream can be that of a DNS message."""
    size = int.from_bytes(part[:2], "big")
    if len(part) >= 2 and not _SHORTEST <= size < 4096:
        return False
    return all(not byte & mask for byte, mask in zip(part[4:14], _HEADER, strict=False))


def _plausible(message: Message, data: bytes) -> bool:
    """Refuse what only looks like DNS: NetBIOS names, and a question that reports an error."""
    if len(data) < _SHORTEST or (message.code and not message.response):
        return False
    netbios = data[12] == _NETBIOS_SIZE and not data[13:45].strip(b"ABCDEFGHIJKLMNOP")
    return not netbios


class Session(Decoder):
    """One flow of DNS messages."""

    def __init__(self, start: Start) -> None:
        self.service = "dns"
        self.standing = _CLAIMED
        self.done = False
        self._buffers = (bytearray(), bytearray()) if start.transport == "tcp" else ()
        """Of both sides, over TCP."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes, or one datagram, of *side*; return what they meant."""
        if not self._buffers:
            return self._message(data)
        out: list[Output] = []
        buffer, at = self._buffers[side], 0
        buffer += data
        while not self.done and len(buffer) >= at + 2:
            end = at + 2 + int.from_bytes(buffer[at : at + 2], "big")
            if len(buffer) < end:
                break
            out += self._message(bytes(buffer[at + 2 : end]))
            at = end
        del buffer[:at]
        return out

    def gap(self, side: Side, size: int) -> list[Output]:
        """Bytes were never seen: over TCP nothing says where the next message starts."""
        if self._buffers:
            self._buffers[side].clear()
            self.done = True
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """*side* will send no more."""
        return []

    def _message(self, data: bytes) -> list[Output]:
        try:
            message = wire.read_message(data)
        except WireError as error:
            if self.standing is _CLAIMED:
                self.standing = _REFUTED
                self.done = True
            return [Malformed(reason=str(error))]
        if not message.response:
            return []
        self.standing = _PARSED
        return _told(message) if not message.code else []


def _told(message: Message) -> list[Output]:
    """Return what an answer teaches, one event a name."""
    addresses: dict[str, list[str]] = {}
    aliases: dict[str, str] = {}
    for record in message.answers:
        if record.kind == wire.CNAME:
            aliases.setdefault(record.name, record.value)
    asked = _chain(message.asked, aliases)
    told: list[Output] = []
    for record in message.answers:
        if record.kind == wire.CNAME or (asked and record.name not in asked):
            continue
        if record.kind in (wire.A, wire.AAAA):
            addresses.setdefault(record.name, []).append(record.value)
        else:
            addresses.setdefault(record.name, []).extend(record.hints)
            told.append(
                ServiceBinding(
                    name=record.name,
                    target=record.value,
                    alpn=record.alpn,
                    port=record.port,
                    ech=record.ech,
                )
            )
    for name in asked or dict.fromkeys([*aliases, *addresses]):
        found = tuple(dict.fromkeys(_resolve(name, aliases, addresses)))
        if found:
            told.append(NameLearned(name=name, addresses=found))
    return told


def _chain(asked: list[str], aliases: dict[str, str]) -> dict[str, None]:
    """Return the names that were *asked* for, and those that they stand for."""
    names = dict.fromkeys(asked)
    for each in asked:
        name = each
        for _ in range(_ALIASES):
            if name not in aliases:
                break
            name = aliases[name]
            names[name] = None
    return names


def _resolve(name: str, aliases: dict[str, str], addresses: dict[str, list[str]]) -> list[str]:
    for _ in range(_ALIASES):
        if name in addresses:
            return addresses[name]
        if name not in aliases:
            return []
        name = aliases[name]
    return []
