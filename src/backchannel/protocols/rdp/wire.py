"""RDP's own data on the wire (MS-RDPBCGR §2.2.1). Bytes in, values out.

    request   [Cookie: mstshash=NAME or msts=IP.PORT.0000, CR LF] [01 flags 0008 protocols u32]
    confirm   02 flags 0008 chosen u32  |  03 flags 0008 failure u32
    blocks    type u16 | length u16, itself included | ...     in the user data of the connection
    logon     security flags u16, u16 | code page u32 | flags u32 | five lengths u16 | five strings

All integers of RDP are little-endian. Nothing here remembers anything.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

from backchannel.reader import Reader, WireError

CORE, SECURITY, NETWORK = 0xC001, 0xC002, 0xC003
SERVER_SECURITY = 0x0C02
_ASKS, _CHOSEN, _FAILED = 0x01, 0x02, 0x03
_CHANNELS = 31
_COOKIE = re.compile(rb"Cookie: (mstshash|msts)=([^\r\n]{0,255})\r\n")
_TOKEN = re.compile(rb"(\d{1,10})\.(\d{1,5})\.\d{1,4}")
_PROTOCOLS = {0x01: "tls", 0x02: "credssp", 0x04: "rdstls", 0x08: "credssp-ex", 0x10: "aad"}
_CIPHERS = {0x01: "rc4-40", 0x02: "rc4-128", 0x08: "rc4-56", 0x10: "fips"}
_FAILURES = {
    1: "TLS is required",
    2: "TLS is not allowed",
    3: "no certificate",
    4: "flags are inconsistent",
    5: "CredSSP is required",
    6: "TLS with user authentication is required",
}
_LOGON = 0x0040
_ENCRYPTED = 0x0008 | 0x0001
_UNICODE = 0x10


class Request(NamedTuple):
    """What a connection request says behind X.224's own fields."""

    name: str
    """User or routing name of the cookie."""
    place: tuple[str, int] | None
    """Address and port of the server that a routing token leads to."""
    offered: tuple[str, ...]
    """Protections offered; empty where nothing is negotiated."""
    marked: bool
    """Whether any of this shows that it is RDP."""


def read_request(parameters: bytes) -> Request:
    """Read the cookie and the negotiation of a connection request."""
    name, place, rest = "", None, parameters
    found = _COOKIE.match(parameters) if parameters[:1] == b"C" else None
    if found is not None:
        rest = parameters[found.end() :]
        if found[1] == b"mstshash":
            name = found[2].decode("latin-1")
        else:
            place = _routed(found[2])
    offered = _negotiated(rest, _ASKS)
    names = () if offered is None else protections(offered)
    return Request(name, place, names, found is not None or offered is not None)


def _routed(token: bytes) -> tuple[str, int] | None:
    """Read a token `address.port.reserved`: numbers of bytes that were swapped (§3.2.5.3.1)."""
    found = _TOKEN.fullmatch(token)
    if found is None or int(found[1]) > 0xFFFFFFFF or int(found[2]) > 0xFFFF:
        return None
    address = IPv4Address(int(found[1]).to_bytes(4, "little"))
    return str(address), int.from_bytes(int(found[2]).to_bytes(2, "little"), "big")


def _negotiated(data: bytes, kind: int) -> int | None:
    """Return the number in a negotiation field of *kind*; None where there is none."""
    if len(data) < 8 or data[0] != kind or data[2:4] != b"\x08\x00":
        return None
    return int.from_bytes(data[4:8], "little")


def protections(bits: int) -> tuple[str, ...]:
    """Return the names of the protections in *bits*; RDP's own security is always one."""
    return ("rdp", *(name for bit, name in _PROTOCOLS.items() if bits & bit))


def read_confirm(parameters: bytes) -> tuple[str, str] | None:
    """Return what the server chose and why; None where it negotiates nothing."""
    if (chosen := _negotiated(parameters, _CHOSEN)) is not None:
        return _PROTOCOLS.get(chosen, "rdp"), ""
    if (failure := _negotiated(parameters, _FAILED)) is not None:
        return "refused", _FAILURES.get(failure, f"failure {failure}")
    return None


def blocks(data: bytes) -> Iterator[tuple[int, Reader]]:
    """Yield (type, contents) of the data blocks of a connection."""
    reader = Reader(data)
    while len(reader) >= 4:
        kind, size = reader.u16le(), reader.u16le()
        yield kind, reader.sub(size - 4)


def cipher(number: int) -> str:
    """Return the name of RDP's own cipher; 0 is none at all."""
    return _CIPHERS.get(number, f"cipher {number:#x}") if number else "none"


def channels(reader: Reader) -> tuple[str, ...]:
    """Read the names of virtual channels (§2.2.1.3.4)."""
    names = []
    for _ in range(min(reader.u32le(), _CHANNELS)):
        names.append(reader.take(8).split(b"\0")[0].decode("latin-1"))
        reader.skip(4)
    return tuple(names)


class Logon(NamedTuple):
    """What a client logs on with."""

    domain: str
    user: str
    password: str


def read_logon(data: bytes) -> Logon | None:
    """Read the client's information (§2.2.1.11); None where it is encrypted or something else."""
    reader = Reader(data)
    flags = reader.u16le()
    if flags & _ENCRYPTED or not flags & _LOGON:
        return None
    reader.skip(2 + 4)
    wide = reader.u32le() & _UNICODE
    sizes = [reader.u16le() for _ in range(5)]
    if max(sizes) > 1024:
        raise WireError("logon field longer than 1024 bytes")
    texts = []
    for size in sizes[:3]:
        raw = reader.take(size)
        reader.skip(2 if wide else 1)
        texts.append(raw.decode("utf-16-le", "replace") if wide else raw.decode("latin-1"))
    return Logon(*texts)
