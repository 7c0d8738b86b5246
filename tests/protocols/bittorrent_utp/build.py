"""Packets of uTP made by hand from BEP 29."""

import struct

from backchannel.model import Side

DATA, FIN, STATE, RESET, SYN = range(5)
WINDOW = 1 << 20
ID, FIRST, ANSWER = 0x5302, 0xFFFE, 0x49C7
"""Connection id, number of the SYN (so that numbers wrap around), number of its answer."""


def packet(kind, connection, number, acknowledged, payload=b"", *, extensions=()):
    following = [each[0] for each in extensions[1:]] + [0]
    first = extensions[0][0] if extensions else 0
    raw = b"".join(
        bytes([after, len(body)]) + body
        for (_, body), after in zip(extensions, following, strict=False)
    )
    head = struct.pack(
        ">BBHIIIHH",
        kind << 4 | 1,
        first,
        connection,
        123_456,
        0,
        WINDOW,
        number & 0xFFFF,
        acknowledged & 0xFFFF,
    )
    return head + raw + payload


def connection(talk, opener=Side.CLIENT, size=1000, number=ID):
    """The datagrams of a connection that carries *talk*, in packets of *size* bytes, from its SYN
    to both ends' FIN.
    """
    other = opener.other
    at = {opener: FIRST + 1, other: ANSWER}
    ids = {opener: number + 1, other: number}
    steps = [
        (opener, packet(SYN, number, FIRST, 0)),
        (other, packet(STATE, number, ANSWER, FIRST)),
    ]
    for side, data in talk:
        who = side if opener is Side.CLIENT else side.other
        for start in range(0, len(data), size):
            part = data[start : start + size]
            steps.append((who, packet(DATA, ids[who], at[who], at[who.other] - 1, part)))
            at[who] += 1
            steps.append((who.other, packet(STATE, ids[who.other], at[who.other], at[who] - 1)))
    for who in (opener, other):
        steps.append((who, packet(FIN, ids[who], at[who], at[who.other] - 1)))
        at[who] += 1
    steps.append((opener, packet(STATE, ids[opener], at[opener], at[other] - 1)))
    steps.append((other, packet(STATE, ids[other], at[other], at[opener] - 1)))
    return steps
