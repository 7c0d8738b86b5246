"""RTP and RTCP on the wire (RFC 3550, payload types of RFC 3551). Bytes in, values out.

    RTP    V2 P X CC4 | M PT7 | sequence u16 | timestamp u32 | SSRC u32 | CC sources | payload
    RTCP   V2 P count5 | type u8 | length u16 in words, less one | SSRC u32 | ...    one or more

All integers are big-endian. Nothing here remembers anything.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

HEADER = 12
SR, RR, SDES, BYE = 200, 201, 202, 203
_RTCP = 0xC8
"""What its types, 200 to 207, have in common: all bits but three."""
_REPORT = 24
_SENDER = 20
_COOKIE = b"\x21\x12\xa4\x42"

Media = Literal["audio", "video", ""]
PAYLOADS: dict[int, tuple[str, Media]] = {
    0: ("PCMU", "audio"),
    3: ("GSM", "audio"),
    4: ("G723", "audio"),
    5: ("DVI4", "audio"),
    6: ("DVI4", "audio"),
    7: ("LPC", "audio"),
    8: ("PCMA", "audio"),
    9: ("G722", "audio"),
    10: ("L16", "audio"),
    11: ("L16", "audio"),
    12: ("QCELP", "audio"),
    13: ("CN", "audio"),
    14: ("MPA", "audio"),
    15: ("G728", "audio"),
    16: ("DVI4", "audio"),
    17: ("DVI4", "audio"),
    18: ("G729", "audio"),
    25: ("CelB", "video"),
    26: ("JPEG", "video"),
    28: ("nv", "video"),
    31: ("H261", "video"),
    32: ("MPV", "video"),
    33: ("MP2T", "video"),
    34: ("H263", "video"),
}
DYNAMIC = range(96, 128)


_KNOWN = bytes(number in PAYLOADS or number in DYNAMIC for number in range(128))
"""1 for payload types that exist."""


class Packet:
    """The header of one RTP packet. `read_packet` makes it."""

    __slots__ = ("payload", "sequence", "size", "ssrc")
    payload: int
    sequence: int
    ssrc: int
    size: int
    """Bytes behind the header."""


class Report(NamedTuple):
    """One packet of an RTCP compound."""

    kind: int
    chunks: int
    body: bytes
    """What follows the four bytes of header."""


def payload_name(number: int) -> str:
    """Return the name of a payload type."""
    return PAYLOADS[number][0] if number in PAYLOADS else f"dynamic {number}"


def read_packet(data: bytes) -> Packet | None:
    """Read an RTP header; None for what cannot be RTP of a type that exists."""
    size = _behind(data)
    if size < 0:
        return None
    octets, packet = data, Packet.__new__(Packet)  # without the call that `__init__` would be
    packet.payload, packet.sequence = octets[1] & 0x7F, octets[2] << 8 | octets[3]
    packet.ssrc = (octets[8] << 8 | octets[9]) << 16 | octets[10] << 8 | octets[11]
    packet.size = size
    return packet


def is_packet(data: bytes) -> bool:
    """Whether `read_packet` reads it."""
    return _behind(data) >= 0


def _behind(data: bytes) -> int:
    """Return how many bytes are behind an RTP header; -1 where there is none."""
    octets, size = data, len(data)
    if size <= HEADER or octets[0] & 0xC0 != 0x80 or not _KNOWN[octets[1] & 0x7F]:
        return -1
    first, start = octets[0], HEADER + 4 * (octets[0] & 0x0F)
    if first & 0x10:
        if size < start + 4:
            return -1
        start += 4 + 4 * (octets[start + 2] << 8 | octets[start + 3])
    end = size
    if first & 0x20:
        end -= octets[size - 1]
        if end == size:
            return -1
    return end - start if start <= end else -1


def looks_like_dns(data: bytes) -> bool:
    """Whether *data*, 12 bytes at least, has the counts of a DNS message (RFC 1035 §4.1.1) where
    RTP has its clock.

    A query whose random id passes for an RTP header is the commonest mistake to make.
    """
    octets = data
    if octets[4] or octets[5] != 1 or octets[3] & 0x70:
        return False
    return not (octets[6] or octets[8] or octets[10])


def is_stun(data: bytes) -> bool:
    """Whether *data* is STUN (RFC 8489 §5), which shares ports with RTP."""
    return len(data) >= 20 and data[0] < 4 and data[4:8] == _COOKIE


def read_compound(data: bytes) -> list[Report] | None:
    """Read an RTCP compound to its last byte; None if it is not one (RFC 3550 appendix A.2)."""
    octets, size, at = data, len(data), 0
    while at < size:  # most that begin so are encrypted, so nothing is made before the last byte
        if size - at < 4 or octets[at] & 0xC0 != 0x80 or octets[at + 1] & 0xF8 != _RTCP:
            return None
        end = at + 4 + 4 * (octets[at + 2] << 8 | octets[at + 3])
        if end > size or (octets[at] & 0x20 and end < size):
            return None
        at = end
    reports: list[Report] = []
    at = 0
    while at < size:
        end = at + 4 + 4 * (octets[at + 2] << 8 | octets[at + 3])
        reports.append(Report(octets[at + 1], octets[at] & 0x1F, octets[at + 4 : end]))
        at = end
    return reports if reports and _opens(reports[0]) else None


def _opens(first: Report) -> bool:
    """A compound opens with a sender's or receiver's report, long enough for its blocks."""
    least = {SR: 4 + _SENDER, RR: 4}.get(first.kind)
    return least is not None and len(first.body) >= least + _REPORT * first.chunks


def descriptions(report: Report) -> Iterator[tuple[int, dict[int, bytes]]]:
    """Yield (SSRC, item type -> text) of each chunk of an SDES packet (RFC 3550 §6.5)."""
    body, at = report.body, 0
    for _ in range(report.chunks):
        if len(body) - at < 4:
            return
        ssrc, items = int.from_bytes(body[at : at + 4], "big"), dict[int, bytes]()
        at += 4
        while at + 1 < len(body) and body[at]:
            end = at + 2 + body[at + 1]
            items[body[at]] = body[at + 2 : end]
            at = end
        at = (at // 4 + 1) * 4
        yield ssrc, items
