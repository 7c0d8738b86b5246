"""RTP and RTCP on the wire (RFC 3550, payload types of RFC 3551). Bytes in, values out.

    RTP    V2 P X CC4 | M PT7 | sequence u16 | timestamp u32 | SSRC u32 | CC sources | payload
    RTCP   V2 P count5 | type u8 | length u16 in words, less one | SSRC u32 | ...    one or more

All integers are big-endian. Nothing here remembers anything.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

HEADER = 12
SR, RR, SDES, BYE = 200, 201, 202, 203
_RTCP = range(200, 208)
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


class Packet(NamedTuple):
    """The header of one RTP packet."""

    payload: int
    sequence: int
    timestamp: int
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
    if len(data) <= HEADER or data[0] & 0xC0 != 0x80:
        return None
    payload = data[1] & 0x7F
    if payload not in PAYLOADS and payload not in DYNAMIC:
        return None
    start = HEADER + 4 * (data[0] & 0x0F)
    if data[0] & 0x10:
        if len(data) < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data) - (data[-1] if data[0] & 0x20 else 0)
    if start > end or (data[0] & 0x20 and not data[-1]):
        return None
    sequence, timestamp = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big")
    return Packet(payload, sequence, timestamp, int.from_bytes(data[8:12], "big"), end - start)


def looks_like_dns(data: bytes) -> bool:
    """Whether *data* has the counts of a DNS message (RFC 1035 §4.1.1) where RTP has its clock.

    A query whose random id passes for an RTP header is the commonest mistake to make.
    """
    return data[4:6] == b"\0\1" and not (data[6] or data[8] or data[10]) and not data[3] & 0x70


def is_stun(data: bytes) -> bool:
    """Whether *data* is STUN (RFC 8489 §5), which shares ports with RTP."""
    return len(data) >= 20 and data[0] < 4 and data[4:8] == _COOKIE


def read_compound(data: bytes) -> list[Report] | None:
    """Read an RTCP compound to its last byte; None for what is none (RFC 3550 appendix A.2)."""
    reports: list[Report] = []
    at = 0
    while at < len(data):
        if len(data) - at < 4 or data[at] & 0xC0 != 0x80 or data[at + 1] not in _RTCP:
            return None
        end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data) or (data[at] & 0x20 and end < len(data)):
            return None
        reports.append(Report(data[at + 1], data[at] & 0x1F, data[at + 4 : end]))
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
