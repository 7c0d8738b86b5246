"""What opens a connection to one of Discord's voice servers. Bytes in, values out.

discovery   type u16: 1 asks, 2 answers | length u16: 70 | SSRC u32 | address, 64 bytes, text up
            to a zero | port u16                          big-endian; in what asks only the SSRC
ping        13 37 ca fe | number u32
"""

from ipaddress import ip_address

from backchannel.reader import u32_at

ASKS, ANSWERS = 1, 2
_SIZE, _PING = 74, 8
_MAGIC = b"\x13\x37\xca\xfe"


class Discovery:
    """A client asks where it is seen to be, or a server tells."""

    __slots__ = ("address", "answers", "port", "ssrc")

    def __init__(self, answers: bool, ssrc: int, address: str, port: int) -> None:
        self.answers, self.ssrc, self.address, self.port = answers, ssrc, address, port


def read_discovery(data: bytes) -> Discovery | None:
    """Read one datagram; None for anything else."""
    octets = data
    if len(data) != _SIZE or octets[0] or octets[2] or octets[3] != _SIZE - 4:
        return None
    kind, port = octets[1], octets[72] << 8 | octets[73]
    ssrc, text = u32_at(data, 4), octets[8:72].rstrip(b"\0")
    if kind == ASKS:
        return None if text else Discovery(False, ssrc, "", 0)
    if kind != ANSWERS or b"\0" in text or not port:
        return None
    try:
        address = text.decode("ascii")
        if not _is_dotted(text):
            address = str(ip_address(address))
    except ValueError:
        return None
    return Discovery(True, ssrc, address, port)


def _is_dotted(text: bytes) -> bool:
    """Whether *text* is an IPv4 address as `str` would write it: asked often, and so by hand."""
    number, digits, dots = 0, 0, 0
    for octet in text:
        if octet == 0x2E and digits:
            number, digits, dots = 0, 0, dots + 1
        elif 0x30 <= octet <= 0x39 and (number or not digits):
            number, digits = 10 * number + octet - 0x30, digits + 1
            if number > 0xFF:
                return False
        else:
            return False
    return dots == 3 and digits > 0


def is_ping(data: bytes) -> bool:
    """Say whether a datagram is a ping, or the same one sent back."""
    return len(data) == _PING and data.startswith(_MAGIC)


def is_control(data: bytes) -> bool:
    """Say whether a datagram is RTCP by its type (RFC 5761 §4), of which all else is encrypted."""
    octets = data
    return len(data) > 1 and 192 <= octets[1] <= 223
