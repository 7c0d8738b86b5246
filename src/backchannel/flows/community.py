"""Community ID, version 1, seed 0: a name for a flow that other tools give it too.

Source: https://github.com/corelight/community-id-spec
"""

import struct
from binascii import b2a_base64
from ipaddress import IPv6Address

from backchannel.hashes import sha1
from backchannel.model import Endpoint

ICMP, ICMP6 = 1, 58

# Request and answer types that take each other's place, as in the Community ID specification.
_PAIRS = {
    ICMP: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10},
    ICMP6: {
        128: 129,
        129: 128,
        133: 134,
        134: 133,
        135: 136,
        136: 135,
        130: 131,
        131: 130,
        139: 140,
        140: 139,
        144: 145,
        145: 144,
    },
}


def icmp_ports(protocol: int, kind: int, code: int) -> tuple[int, int]:
    """Return what stands for the ports of an ICMP packet: its type, and its answer's type.

    A type without an answer gives its code instead, and such flows have one direction only.
    """
    return kind, _PAIRS[protocol].get(kind, code)


def flow_id(protocol: int, client: Endpoint, server: Endpoint, types: tuple[int, int]) -> str:
    """Return the Community ID of a flow; *types* are ICMP's, of its first packet."""
    one, other = _packed(client.address), _packed(server.address)
    if protocol in _PAIRS:
        return community_id(protocol, one, other, *icmp_ports(protocol, *types))
    return community_id(protocol, one, other, client.port, server.port)


_PORTS = struct.Struct(">HH").pack
_PROTOCOL = [bytes((number, 0)) for number in range(256)]
"""How each IP protocol stands in what is hashed."""
_ZERO = ord("0")
_HASHED = frozenset({6, 17, 132, *_PAIRS})
"""IP protocols whose ports go into the Community ID."""


def community_id(protocol: int, client: bytes, server: bytes, sport: int, dport: int) -> str:
    """Return the Community ID of a flow; an ICMP flow gives `icmp_ports` for its ports."""
    one_way = protocol in _PAIRS and sport not in _PAIRS[protocol]
    if not one_way and (server, dport) < (client, sport):
        client, server, sport, dport = server, client, dport, sport
    ports = _PORTS(sport, dport) if protocol in _HASHED else b""
    digest = sha1(b"".join((b"\0\0", client, server, _PROTOCOL[protocol], ports)))
    return "1:" + b2a_base64(digest, newline=False).decode()


def _packed(address: str) -> bytes:
    if ":" not in address:
        packed = number = 0
        for char in address:
            if char == ".":
                packed, number = packed << 8 | number, 0
            else:
                number = number * 10 + ord(char) - _ZERO
        return (packed << 8 | number).to_bytes(4)
    return IPv6Address(address).packed
