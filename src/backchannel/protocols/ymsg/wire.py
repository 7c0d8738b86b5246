"""YMSG on the wire: packets and their key/value fields. Bytes in, values out.

    PACKET  "YMSG" | version u16 | vendor u16 | length u16 | service u16 | status u32 | session u32
    FIELD   key in decimal digits | c0 80 | value | c0 80

Integers are big-endian, but clients of versions 5 to 10 wrote the version low byte first, and
servers write 0; those of the rooms left anything in version and vendor (dumps in MODHandles.bas,
2004). The body is at most 64 KiB, so a buffered packet is too. Nothing is remembered.

Sources: libyahoo2 @9232da1 doc/ymsg-9.txt; libpurple 2.10.9 yahoo_packet.c; OpenYMSG @764ab11.
"""

import msgspec

from backchannel.reader import WireError

MARK, HEADER, SEPARATOR = b"YMSG", 20, b"\xc0\x80"
MOST_FIELDS = 4096
_WEB_CLIENT = 0x65
_LATEST = 0x20
_KEY_DIGITS = 6

Fields = list[tuple[int, bytes]]


class Packet(msgspec.Struct, frozen=True):
    """One YMSG packet. Version 0 is a server's."""

    version: int
    service: int
    status: int
    session: int
    body: bytes


def version_of(head: bytes | bytearray) -> int | None:
    """Return the version in the first six bytes of a packet, None where there never was such."""
    high, low = head[4], head[5]
    if high and low:
        return None
    version = high or low
    return version if version <= _LATEST or version == _WEB_CLIENT else None


def is_header(head: bytes | bytearray) -> bool:
    """Say whether *head* (as far as it goes) can open a packet of a version that there was."""
    return may_follow(head) and (len(head) < 6 or version_of(head) is not None)


def may_follow(head: bytes | bytearray) -> bool:
    """Say whether *head* (as far as it goes) can open a packet, whatever its version."""
    if head[:4] != MARK[: len(head)]:
        return False
    return len(head) < 12 or int.from_bytes(head[10:12], "big") <= 0x0FFF


def take_packet(buffer: bytearray) -> Packet | None:
    """Cut one whole packet off the front of *buffer*; None means "need more".

    Raises WireError as soon as the first bytes cannot open a packet, so garbage is never
    buffered. A packet is at most HEADER + 64 KiB.
    """
    if not may_follow(buffer[:HEADER]):
        raise WireError("bytes that open no YMSG packet")
    if len(buffer) < HEADER:
        return None
    end = HEADER + int.from_bytes(buffer[8:10], "big")
    if len(buffer) < end:
        return None
    packet = Packet(
        version=version_of(buffer[:6]) or 0,
        service=int.from_bytes(buffer[10:12], "big"),
        status=int.from_bytes(buffer[12:16], "big"),
        session=int.from_bytes(buffer[16:20], "big"),
        body=bytes(buffer[HEADER:end]),
    )
    del buffer[:end]
    return packet


def fields(body: bytes) -> Fields:
    """Return the fields of *body* in order, at most MOST_FIELDS of them.

    A NUL where a key should be ends the body: Yahoo's servers padded continued packets with it
    (libpurple yahoo_packet.c). A separator alone is an empty body of Yahoo's web messenger (dumps
    in MODChat2Pcks.bas). Raises WireError for a key that is no number or lacks its value.
    """
    if body == SEPARATOR:
        return []
    parts = body.split(SEPARATOR, 2 * MOST_FIELDS)
    found: Fields = []
    for at in range(0, len(parts) - 1, 2):
        # Mail notices have a stray 01 before a key (libpurple yahoo_packet.c).
        key = parts[at].lstrip(b"\x01")
        if key[:1] == b"\0":
            return found
        if not key.isdigit() or len(key) > _KEY_DIGITS:
            raise WireError(f"field {len(found)} has key {key[:16]!r}")
        if at + 2 > len(parts) - 1:
            raise WireError(f"field {len(found)}, key {int(key)}, has no end")
        found.append((int(key), parts[at + 1]))
    if not found and body[:1] not in (b"", b"\0"):
        raise WireError(f"no field in {len(body)} bytes")
    return found
