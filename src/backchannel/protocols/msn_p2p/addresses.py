"""Direct connections as they are negotiated: who listens where, and the nonce to show there.

    Bridges: TRUDPv1 TCPv1    Listening: true       Nonce: {GUID}  or  Hashed-Nonce: {GUID}
    IPv4External-Addrs: 198.51.100.7                IPv4External-Port: 4183
    IPv4Internal-Addrs: 192.168.0.5 10.1.1.1        IPv4Internal-Port: 2110

Since 2006 clients write names and values of the address fields backwards (`srddA-lanretnI4vPI:
5.0.861.291`) to get past gateways that rewrite addresses; MSNP18 joins both in one field,
`stroPdnAsrddAlanretnI4vPI`. Sources: libpurple 2.10.9 `slpcall.c` and `directconn.c`, MSNPSharp
`P2PSession.DC.cs`, NINA wiki `Transports`.
"""

import re
from hashlib import sha1
from uuid import UUID

import msgspec

from backchannel.protocols.msnp.names import address, endpoint, number

MAX_ADDRESSES = 16
_FIELD = re.compile(
    r"(ipv[46])-?(external|internal|global|int|ext)?-?(addrsandports|addrs|addr|port)?$"
)


class Listener(msgspec.Struct, frozen=True):
    """Addresses told in one message."""

    listening: bool
    addresses: tuple[tuple[str, int, str], ...]
    """Address, port (0: not told), and `internal` or `external`."""
    nonce: str
    """As GUID in upper case, without braces; '' where none was told."""
    hashed: bool


def listener(fields: dict[str, str]) -> Listener:
    """Read the body of a `transreqbody`, `transrespbody` or address update."""
    hosts: dict[str, list[tuple[str, int]]] = {}
    ports: dict[str, int] = {}
    for name, value in fields.items():
        _field(name, value, hosts, ports)
    told = [
        (host, port or ports.get(where, 0), where.partition("-")[2] or "external")
        for where, pairs in hosts.items()
        for host, port in pairs
    ]
    hashed = fields.get("hashed-nonce", "")
    nonce = (hashed or fields.get("nonce", "")).strip("{}").upper()
    return Listener(
        listening=fields.get("listening", "").lower() == "true",
        addresses=tuple(dict.fromkeys(told))[:MAX_ADDRESSES],
        nonce="" if not nonce.strip("0-") else nonce[:36],
        hashed=bool(hashed),
    )


def _field(
    name: str, value: str, hosts: dict[str, list[tuple[str, int]]], ports: dict[str, int]
) -> None:
    found = _FIELD.match(name)
    if not found:
        name, value = name[::-1], value[::-1]
        found = _FIELD.match(name)
    if not found:
        return
    scope = {"int": "internal", "ext": "external", "global": "external"}
    where = f"{found[1]}-{scope.get(found[2] or '', found[2] or 'external')}"
    kind = found[3] or ""
    if kind == "port":
        ports[where] = number(value.strip(), 0xFFFF)
        return
    read = endpoint if kind == "addrsandports" else _bare
    pairs = [read(word) for word in value.split()[:MAX_ADDRESSES]]
    hosts.setdefault(where, []).extend(pair for pair in pairs if pair[0])


def _bare(text: str) -> tuple[str, int]:
    return address(text), 0


def guid_bytes(text: str) -> bytes:
    """Return the 16 bytes of a GUID as the handshake carries them; b'' if it is not a GUID."""
    try:
        return UUID(text).bytes_le
    except ValueError:
        return b""


def fits(nonce: bytes, told: str, hashed: bool) -> bool:
    """Whether a handshake's *nonce* is the one that was *told*, or the one its hash was told of."""
    return guid_bytes(told) == (
        sha1(nonce, usedforsecurity=False).digest()[:16] if hashed else nonce
    )
