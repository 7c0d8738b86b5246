r"""One YCHT connection: packets in, events out.

    PACKET  "YCHT" | version u32 | kind u32 | status u16 | length u16 | fields

A client parts its fields by the byte 01, a server by c0 80. Kind, and fields of client | server:

    01 sign-on     account, cookies              | (let in)
    02 sign-off                                  | why
    11 join        room                          | room, topic, .., .., members
    12 leave                                     | room, who
    17 invite                                    | text, room, who
    41 42 43 said, thought, done    room, text   | room, who, text
    45 in private  who, to, text                 | who, to, text
    68 friends                                   | 1 or 0, who, where (1 games, 2 chat, 4 pager)
    71 command     join, tell, invite, goto ...

Members are parted by 01, and what is told of each by 02, the name first. Integers are big-endian.
Held: one packet a side, 64 KiB.

Sources: libpurple 2.10.9 ycht.c; GYachI (2006) ycht.c; A. Fines' chat robot (2001) Packet.py and
Ack.py; coozzzzz's Protocol_YCHT.cls (2003).
"""

import re

from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import PEEK_LIMIT, Output, Peek, Start
from backchannel.protocols.framed import Marked
from backchannel.protocols.ycht.packets import FROM_CLIENT, FROM_SERVER, Packet, State
from backchannel.protocols.ymsg.markup import words

MARK, HEADER = b"YCHT\0\0", 16
_SEPARATORS = {Side.CLIENT: b"\x01", Side.SERVER: b"\xc0\x80"}
_SEPARATOR = re.compile(rb"\x01|\xc0\x80")
_MOST_FIELDS = 512


def _opens(head: bytes) -> bool:
    """Whether *head*, as far as it goes, can open a packet."""
    if head[: len(MARK)] != MARK[: len(head)]:
        return False
    return head[6:7] < b"\x10" and not any(head[8:11])


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow whose sides both begin with a packet, or one of them while the other waits."""
    if peek.transport != "tcp":
        return None
    sides = [data for data in (peek.client, peek.server) if data]
    if not sides or not all(_opens(data[:HEADER]) for data in sides):
        return None
    longest = max(sides, key=len)
    if len(longest) < HEADER:
        return MORE
    flipped = False
    if not peek.begun:
        client, server = _writer(peek.client), _writer(peek.server)
        if client is server is None and len(longest) < PEEK_LIMIT:
            return MORE
        flipped = client is Side.SERVER or (client is None and server is Side.CLIENT)
    return Claim("ycht", evidence=f"YCHT packet of kind {longest[11]:#x}", flipped=flipped)


def _writer(data: bytes) -> Side | None:
    """Return whose packets *data* are: whose separator the first fields have, None without any."""
    while len(data) > HEADER:
        end = HEADER + int.from_bytes(data[14:16])
        if found := _SEPARATOR.search(data, HEADER, end):
            return Side.CLIENT if found[0] == _SEPARATORS[Side.CLIENT] else Side.SERVER
        data = data[end:]
    return None


class Session(Marked):
    """Both directions of one connection."""

    marks, header = dict.fromkeys(Side, MARK), HEADER

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.service = "yahoo"
        self._state = State()

    def _opens(self, _side: Side, head: bytes) -> bool:
        return _opens(head)

    def _frame(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        end = HEADER + int.from_bytes(buffer[14:16]) if len(buffer) >= HEADER else HEADER
        if len(buffer) < end:
            return False
        body = bytes(buffer[HEADER:end])
        parts = body.split(_SEPARATORS[side], _MOST_FIELDS) if body else []
        packet = Packet(buffer[11], tuple(words(part) for part in parts))
        del buffer[:end]
        self.standing = Standing.PARSED
        tell = (FROM_CLIENT if side is Side.CLIENT else FROM_SERVER).get(packet.kind)
        told += tell(self._state, packet) if tell else []
        return True
