"""SOCKS on the wire. Bytes in, values out; nothing is remembered.

    SOCKS4 request   04 | command | port u16 | IPv4 | user 00 [| name 00, where IPv4 is 0.0.0.x]
    SOCKS4 reply     00 | code | port u16 | IPv4
    SOCKS5 greeting  05 | count | methods             answer   05 | method
    user/password    01 | length user | length password   answer   01 | status
    GSSAPI           01 | type | length u16 | token   or   01 ff
    CHAP             01 | count | (attribute | length | value)*
    SOCKS5 request   05 | command | 00 | address | port u16
    SOCKS5 reply     05 | code | 00 | address | port u16
    UDP datagram     00 00 | fragment | address | port u16 | data
    address          01 IPv4 | 03 length name | 04 IPv6

Big-endian. Sources: the SOCKS 4 and 4a memos (NEC), RFC 1928, RFC 1929, RFC 1961,
draft-ietf-aft-socks-chap, Tor's socks-extensions and proposal 304. Each `read_x` returns (value,
where it ends), None for "need more", and raises WireError for what can become no message.
"""

from ipaddress import IPv6Address

import msgspec

from backchannel.reader import WireError
from backchannel.text import decode

COMMANDS = {
    1: "connect",
    2: "bind",
    3: "udp-associate",
    0xF0: "resolve",
    0xF1: "resolve-ptr",
}
CONNECT, BIND, UDP_ASSOCIATE, RESOLVE, RESOLVE_PTR = COMMANDS
NONE, GSSAPI, USERPASS, CHAP, SSL, REFUSED = 0, 1, 2, 3, 6, 0xFF
METHODS = {
    NONE: "none",
    GSSAPI: "gssapi",
    USERPASS: "userpass",
    CHAP: "chap",
    5: "cram",
    SSL: "ssl",
    7: "nds",
    8: "multi-authentication",
    9: "json-parameter-block",
}
REPLIES = {
    0: "succeeded",
    1: "general-failure",
    2: "not-allowed",
    3: "network-unreachable",
    4: "host-unreachable",
    5: "connection-refused",
    6: "ttl-expired",
    7: "command-not-supported",
    8: "address-type-not-supported",
    0xF0: "onion-descriptor-not-found",
    0xF1: "onion-descriptor-invalid",
    0xF2: "onion-introduction-failed",
    0xF3: "onion-rendezvous-failed",
    0xF4: "onion-client-authorization-missing",
    0xF5: "onion-client-authorization-wrong",
    0xF6: "onion-address-invalid",
    0xF7: "onion-introduction-timed-out",
}
REPLIES4 = {0x5A: "granted", 0x5B: "rejected", 0x5C: "identd-unreachable", 0x5D: "identd-mismatch"}
GRANTED = 0x5A

_IPV4, _NAME, _IPV6 = 1, 3, 4
_NO_ADDRESS = 10
"""Length of a SOCKS5 reply whose address has type 0: six zero bytes stand where IPv4 would."""
_NAMELESS = b"\3\0"
_TEXT = 255
"""Longest user or host name in SOCKS4, where only a 00 ends it."""

Buffer = bytes | bytearray


class Request(msgspec.Struct, frozen=True):
    """What a client asks of the proxy."""

    scheme: str
    """`socks4`, `socks4a` or `socks5`."""
    command: int
    host: str
    port: int
    user: str = ""

    @property
    def verb(self) -> str:
        """The command by name."""
        return COMMANDS.get(self.command, f"command-{self.command:#04x}")


class Reply(msgspec.Struct, frozen=True):
    """What the proxy answers."""

    code: int
    address: str
    port: int


def read_address(data: Buffer, at: int) -> tuple[str, int, int] | None:
    """Return (host, port, end) of the address at *at*."""
    if len(data) <= at:
        return None
    kind = data[at]
    if kind not in (_IPV4, _NAME, _IPV6):
        raise WireError(f"unknown address type {kind}")
    if len(data) < at + 2:
        return None
    if kind == _NAME:
        start, size = at + 2, data[at + 1]
        if not size:
            raise WireError("empty host name")
    else:
        start, size = at + 1, 4 if kind == _IPV4 else 16
    end = start + size
    if len(data) < end + 2:
        return None
    raw = bytes(data[start:end])
    return _host(kind, raw), data[end] << 8 | data[end + 1], end + 2


def _host(kind: int, raw: bytes) -> str:
    if kind == _IPV4:
        return f"{raw[0]}.{raw[1]}.{raw[2]}.{raw[3]}"
    return decode(raw) if kind == _NAME else str(IPv6Address(raw))


def read_greeting(data: Buffer) -> tuple[bytes, int] | None:
    """Return the methods that a SOCKS5 client offers."""
    if data and data[0] != 5:
        raise WireError(f"SOCKS5 greeting starts with {data[0]:02x}")
    if len(data) < 2 or len(data) < 2 + data[1]:
        return None
    return bytes(data[2 : 2 + data[1]]), 2 + data[1]


def read_request5(data: Buffer) -> tuple[Request, int] | None:
    """Return a SOCKS5 request. The reserved byte is not judged: clients abuse it."""
    if data and data[0] != 5:
        raise WireError(f"SOCKS5 request starts with {data[0]:02x}")
    if (place := read_address(data, 3)) is None:
        return None
    host, port, end = place
    return Request("socks5", data[1], host, port), end


def read_reply5(data: Buffer) -> tuple[Reply, int] | None:
    """Return a SOCKS5 reply, which may name no address at all: type 0, as Tor's refusals do, or an
    empty name. Clients pass over it.
    """
    if data and data[0] != 5:
        raise WireError(f"SOCKS5 reply starts with {data[0]:02x}")
    if len(data) > 3 and not data[3]:
        return (Reply(data[1], "", 0), _NO_ADDRESS) if len(data) >= _NO_ADDRESS else None
    if data[3:5] == _NAMELESS:
        return (Reply(data[1], "", 0), 7) if len(data) >= 7 else None
    if (place := read_address(data, 3)) is None:
        return None
    host, port, end = place
    return Reply(data[1], host, port), end


def read_request4(data: Buffer) -> tuple[Request, int] | None:
    """Return a SOCKS4 or SOCKS4a request."""
    if data and data[0] != 4:
        raise WireError(f"SOCKS4 request starts with {data[0]:02x}")
    if len(data) < 9 or (user := _text(data, 8)) is None:
        return None
    end = 9 + len(user)
    port, raw = int.from_bytes(data[2:4], "big"), bytes(data[4:8])
    scheme, host = "socks4", _host(_IPV4, raw)
    if raw[:3] == b"\0\0\0" and raw[3]:
        if (name := _text(data, end)) is None:
            return None
        scheme, host, end = "socks4a", decode(name), end + len(name) + 1
    return Request(scheme, data[1], host, port, decode(user)), end


def _text(data: Buffer, at: int) -> bytes | None:
    end = data.find(b"\0", at, at + _TEXT + 1)
    if end >= 0:
        return bytes(data[at:end])
    if len(data) > at + _TEXT:
        raise WireError("SOCKS4 text without end")
    return None


def read_reply4(data: Buffer) -> tuple[Reply, int] | None:
    """Return a SOCKS4 reply; some servers write 04 where 00 belongs."""
    if data and data[0] not in (0, 4):
        raise WireError(f"SOCKS4 reply starts with {data[0]:02x}")
    if len(data) > 1 and data[1] not in REPLIES4:
        raise WireError(f"unknown SOCKS4 reply {data[1]:02x}")
    if len(data) < 8:
        return None
    return Reply(data[1], _host(_IPV4, bytes(data[4:8])), int.from_bytes(data[2:4], "big")), 8


def read_userpass(data: Buffer) -> tuple[tuple[str, str], int] | None:
    """Return user and password (RFC 1929)."""
    if data and data[0] != 1:
        raise WireError(f"user/password message starts with {data[0]:02x}")
    if len(data) < 2 or len(data) < 3 + data[1]:
        return None
    middle = 2 + data[1]
    end = middle + 1 + data[middle]
    if len(data) < end:
        return None
    return (decode(bytes(data[2:middle])), decode(bytes(data[middle + 1 : end]))), end


def read_pair(data: Buffer, versions: bytes) -> tuple[int, int] | None:
    """Return the second byte of a two-byte answer that starts with one of *versions*."""
    if data and data[0] not in versions:
        raise WireError(f"answer starts with {data[0]:02x}")
    return (data[1], 2) if len(data) > 1 else None


def read_gssapi(data: Buffer) -> tuple[int, int] | None:
    """Return the type of a GSSAPI message (RFC 1961 §3.3); its token is opaque."""
    if data and data[0] != 1:
        raise WireError(f"GSSAPI message starts with {data[0]:02x}")
    if len(data) > 1 and data[1] == 0xFF:
        return 0xFF, 2
    if len(data) > 1 and data[1] not in (1, 2, 3):
        raise WireError(f"unknown GSSAPI message {data[1]}")
    if len(data) < 4:
        return None
    end = 4 + int.from_bytes(data[2:4], "big")
    return (data[1], end) if len(data) >= end else None


def read_chap(data: Buffer) -> tuple[dict[int, bytes], int] | None:
    """Return the attributes of a CHAP message; of equal ones the first."""
    if data and data[0] != 1:
        raise WireError(f"CHAP message starts with {data[0]:02x}")
    if len(data) < 2:
        return None
    found: dict[int, bytes] = {}
    at = 2
    for _ in range(data[1]):
        if len(data) < at + 2 or len(data) < at + 2 + data[at + 1]:
            return None
        end = at + 2 + data[at + 1]
        found.setdefault(data[at], bytes(data[at + 2 : end]))
        at = end
    return found, at


def read_datagram(data: bytes) -> tuple[int, str, int, bytes]:
    """Return (fragment, host, port, payload) of a UDP datagram with its SOCKS5 header."""
    if data[:2] != b"\0\0" or (place := read_address(data, 3)) is None:
        raise WireError("no SOCKS5 UDP header")
    host, port, end = place
    return data[2], host, port, data[end:]
