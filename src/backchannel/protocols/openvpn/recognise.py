"""Whose bytes are these? OpenVPN by the hard reset that opens a session, or data that counts up.

A client's reset has one of few sizes and 40 fixed bits or more, wherever its wrapping leaves them;
a server's repeats the client's session id (64 bits) unless tls-crypt hides it. Data of version 2
alone, or a packet amid a handshake, is a question that the session has to answer.
"""

from backchannel.model import MORE, Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.openvpn.joining import joined, may_begin, opens
from backchannel.protocols.openvpn.wire import (
    CLIENT_RESETS,
    DATA_V2,
    SERVER_RESETS,
    client_reset,
    opcode_of,
    read_data,
    server_reset,
)

_LONGEST_RESET = 2048


def recognise(peek: Peek) -> Claim | More | None:
    """Claim what opens with a reset, or UDP with data in it."""
    if peek.transport == "udp":
        first = peek.client, peek.server
        return _resets(*first) or _data(*first) or _amid(*first)
    if peek.transport != "tcp":
        return None
    if not peek.begun:
        return _joined_stream(peek)
    client, server = _framed(peek.client), _framed(peek.server)
    if client is None or server is None:
        return None
    if MORE in (client, server):
        return MORE
    return _resets(client, server)  # type: ignore[arg-type]


def _resets(client: bytes, server: bytes) -> Claim | None:
    for asked, other, flipped in ((client, server, False), (server, client, True)):
        shape = client_reset(asked)
        if shape is not None and (not other or _answers(asked, other)):
            what = f"OpenVPN client reset, session {asked[1:9].hex()}, {shape.wrapping}"
            return Claim("openvpn", evidence=what, flipped=flipped, sure=True)
        answer = None if other else server_reset(asked)
        if answer is not None and answer[1]:
            what = f"OpenVPN server reset that answers session {answer[1].hex()}"
            return Claim("openvpn", evidence=what, flipped=not flipped, sure=True)
        if not other and opens(asked):
            what = f"OpenVPN server reset, session {asked[1:9].hex()}, tls-crypt"
            return Claim("openvpn", evidence=what, flipped=not flipped, sure=True)
    return None


def _amid(client: bytes, server: bytes) -> Claim | None:
    """Claim a handshake that was met on its way."""
    found = [joined(data) for data in (client, server) if data]
    first = found[0] if found and opcode_of(client or server) not in SERVER_RESETS else None
    if first is None or not all(each and each.answers(first) for each in found[1:]):
        return None
    what = f"OpenVPN control packet, session {first.session.hex()}, {first.shape.wrapping}"
    return Claim("openvpn", evidence=f"{what}, that the packets behind it continue")


def _joined_stream(peek: Peek) -> Claim | More | None:
    """Claim a stream that was met on its way: one side's bytes may begin within a packet."""
    client, server = _whole(peek.client), _whole(peek.server)
    for first in ((client, server), (client, b""), (b"", server)):
        if claim := _resets(*first) or _amid(*first):
            return claim
    for packet, data in ((client, peek.client), (server, peek.server)):
        behind = data[2 + len(packet) :]
        alike = may_begin(behind[:3]) and behind[2:6] == packet[: len(behind[2:6])]
        if packet and alike and (claim := _data(packet, b"")):
            return claim
    return MORE if MORE in (_framed(peek.client), _framed(peek.server)) else None


def _whole(data: bytes) -> bytes:
    """Return the packet that a stream begins with; empty where it is not whole, or is none."""
    size = int.from_bytes(data[:2], "big")
    return data[2 : 2 + size] if may_begin(data[:3]) and len(data) >= 2 + size else b""


def _answers(asked: bytes, other: bytes) -> bool:
    """Whether *other* is the server's answer to *asked*, as far as that can be seen."""
    wrapping, answer = client_reset(asked), server_reset(other)
    if wrapping is None or answer is None or answer[1] not in (b"", asked[1:9]):
        return False
    shape = answer[0]
    return (shape.wrapping, shape.hmac) == (wrapping.wrapping.removesuffix("-v2"), wrapping.hmac)


def _data(client: bytes, server: bytes) -> Claim | None:
    first = [read_data(data) for data in (client, server) if data]
    if not first or any(opcode_of(data) != DATA_V2 for data in (client, server) if data):
        return None
    if any(one is None for one in first):
        return None
    return Claim(
        "openvpn", evidence="OpenVPN data of version 2 that the packets behind it continue"
    )


def _framed(data: bytes) -> bytes | More | None:
    """Return a stream's first packet, MORE where it is not whole, None where it is no reset."""
    if not data:
        return b""
    size = int.from_bytes(data[:2], "big") if len(data) >= 2 else 0
    if data[0] > _LONGEST_RESET >> 8 or size > _LONGEST_RESET:
        return None
    if len(data) > 2 and opcode_of(data[2:3]) not in CLIENT_RESETS | SERVER_RESETS:
        return None
    return data[2 : 2 + size] if len(data) >= 3 and len(data) >= 2 + size else MORE
