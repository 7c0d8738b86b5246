"""What opens a connection to one of Discord's voice servers. Bytes in, values out.

discovery   type u16: 1 asks, 2 answers | length u16: 70 | SSRC u32 | address, 64 bytes, text up
            to a zero | port u16                          big-endian; in what asks only the SSRC
ping        13 37 ca fe | number u32
"""

from ipaddress import ip_address
from typing import NamedTuple

ASKS, ANSWERS = 1, 2
_SIZE, _PING = 74, 8
_ADDRESS = slice(8, 72)
_MAGIC = b"\x13\x37\xca\xfe"


class Discovery(NamedTuple):
    """A client asks where it is seen to be, or a server tells."""

    answers: bool
    ssrc: int
    address: str
    port: int


def read_discovery(data: bytes) -> Discovery | None:
    """Read one datagram; None for anything else."""
    if len(data) != _SIZE or data[2:4] != b"\0\x46":
        return None
    kind, ssrc, text = int.from_bytes(data[:2], "big"), data[4:8], data[_ADDRESS]
    if kind == ASKS:
        return None if any(text) else Discovery(False, int.from_bytes(ssrc, "big"), "", 0)
    told, _, rest = text.partition(b"\0")
    try:
        address = str(ip_address(told.decode("ascii")))
    except ValueError:
        return None
    port = int.from_bytes(data[72:], "big")
    if kind != ANSWERS or any(rest) or not port:
        return None
    return Discovery(True, int.from_bytes(ssrc, "big"), address, port)


def is_ping(data: bytes) -> bool:
    """Say whether a datagram is a ping, or the same one sent back."""
    return len(data) == _PING and data[:4] == _MAGIC


def is_control(data: bytes) -> bool:
    """Say whether a datagram is RTCP by its type (RFC 5761 §4), of which all else is encrypted."""
    octets = data
    return len(data) > 1 and 192 <= octets[1] <= 223
