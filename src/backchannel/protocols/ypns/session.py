"""One YPNS connection: packets in, events out.

    PACKET  "YPNS2.0" of a client, "YHOO1.0" of a server, NUL | length u32 | service u32
            | connection u32 | handle u32 | u32 | kind u32 | name, 36 bytes | name in use, 36 bytes
            | content, to a NUL

Integers are little-endian; the length counts the whole packet. Clients send 1024 bytes of content
always. What a service's content holds is in `packets`. Held: one packet a side, 64 KiB.

Sources: libyahoo 0.18.4 libyahoo.c; libyay (2001); GNU Messenger yahooprotocol.cpp (2001);
Wireshark 4.0 packet-yhoo.c.
"""

from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.framed import Marked
from backchannel.protocols.ymsg.markup import words
from backchannel.protocols.ypns.packets import FROM_CLIENT, FROM_SERVER, Packet, State
from backchannel.reader import Reader

HEADER = 104
MARKS = {Side.CLIENT: b"YPNS", Side.SERVER: b"YHOO"}
_NAME = 36
LONGEST = 1 << 16
_VERSION = (b"0123456789", b".", b"0123456789", b"\0")
_LENGTH_AT = 8


def _opens(head: bytes, side: Side) -> bool:
    """Whether *head*, as far as it goes, can open a packet of *side*."""
    if head[:4] != MARKS[side][: len(head)]:
        return False
    if not all(byte in choice for byte, choice in zip(head[4:8], _VERSION, strict=False)):
        return False
    size = int.from_bytes(head[_LENGTH_AT : _LENGTH_AT + 4], "little")
    return len(head) < _LENGTH_AT + 4 or HEADER <= size <= LONGEST


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow whose sides both begin with a packet, or one of them while the other waits."""
    if peek.transport != "tcp":
        return None
    for flipped in (False, True) if not peek.begun else (False,):
        client, server = (peek.server, peek.client) if flipped else (peek.client, peek.server)
        sides = [(d, s) for d, s in ((client, Side.CLIENT), (server, Side.SERVER)) if d]
        if not sides or not all(_opens(data[:HEADER], side) for data, side in sides):
            continue
        longest = max((data for data, _ in sides), key=len)
        if len(longest) < HEADER:
            return MORE
        version = longest[:7].decode("ascii")
        return Claim("ypns", evidence=f"{version} packet", flipped=flipped)
    return None


class Session(Marked):
    """Both directions of one connection."""

    marks, header = MARKS, HEADER

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.service = "yahoo"
        self._state = State()

    def _opens(self, side: Side, head: bytes) -> bool:
        return _opens(head, side)

    def _frame(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        end = int.from_bytes(buffer[_LENGTH_AT : _LENGTH_AT + 4], "little")
        if len(buffer) < max(end, HEADER):
            return False
        packet = _packet(Reader(bytes(buffer[:end])))
        del buffer[:end]
        self.standing = Standing.PARSED
        tell = (FROM_CLIENT if side is Side.CLIENT else FROM_SERVER).get(packet.service)
        told += tell(self._state, packet) if tell else []
        return True


def _packet(reader: Reader) -> Packet:
    reader.skip(_LENGTH_AT + 4)
    service = reader.u32le()
    reader.skip(12)
    kind = reader.u32le()
    name, in_use = (_text(reader.take(_NAME)) for _ in range(2))
    return Packet(service, kind, name, in_use or name, _text(reader.rest()))


def _text(padded: bytes) -> str:
    return words(padded.split(b"\0", 1)[0])
