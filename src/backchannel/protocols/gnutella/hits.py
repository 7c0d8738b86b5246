"""Query hits: files that a servent has, and who it is. Bytes in, values out.

    HIT       count u8 | port u16le | IPv4 4 | speed u32le | results | trailer | servent 16
    result    index u32le | size u32le | name 00 | extensions 00
    trailer   vendor 4 | size u8 | open data | private data        (may be missing)
    open      flags u8 | flags u8 | XML size u16le                 (the last field may be missing)

Clip2 0.4 §QueryHit, the BearShare trailer (RFC-Gnutella 0.6 §2.2.4), LimeWire's QueryReply. Of the
two flag bytes one says which flags hold and the other their values: for "push" the other way
round than for all others. Private data hold a GGEP block from its first magic byte on.
"""

import msgspec

from backchannel.events import SharedFile
from backchannel.protocols.gnutella import ggep, wire
from backchannel.protocols.gnutella.vendors import vendor_name
from backchannel.reader import WireError
from backchannel.text import decode

HEAD, SERVENT = 11, 16
PUSH, BUSY, UPLOADED, SPEED, GGEP = 0x01, 0x04, 0x08, 0x10, 0x20
MAX_NAME = 1024


class Hit(msgspec.Struct):
    """One query hit, or one page of a host's list of files."""

    address: str
    port: int
    servent: str
    """The answering servent's id, in hexadecimal."""
    files: tuple[SharedFile, ...]
    alternates: list[tuple[str, int]]
    """Other hosts that have one of the files (GGEP `ALT`)."""
    vendor: str = ""
    traits: tuple[str, ...] = ()
    proxies: tuple[tuple[str, int], ...] = ()
    """Who passes a push on to this servent (GGEP `PUSH`)."""

    @property
    def detail(self) -> str:
        """Program and traits in one line."""
        return ", ".join(part for part in (self.vendor, *self.traits) if part)


def read_hit(body: bytes) -> Hit:
    """Read a query hit. Raises WireError when it is too short or a result is cut."""
    if len(body) < HEAD + SERVENT:
        raise WireError(f"query hit of {len(body)} bytes")
    end = len(body) - SERVENT
    alternates: list[tuple[str, int]] = []
    files, at = [], HEAD
    for _ in range(body[0]):
        file, at = _result(body, at, end, alternates)
        files.append(file)
    hit = Hit(
        wire.ipv4(body, 3),
        int.from_bytes(body[1:3], "little"),
        body[end:].hex(),
        tuple(files),
        alternates,
    )
    if end - at >= 5:
        _trailer(hit, body[at:end])
    return hit


def _result(
    body: bytes, at: int, end: int, alternates: list[tuple[str, int]]
) -> tuple[SharedFile, int]:
    stop = body.find(b"\0", at + 8, end)
    last = body.find(b"\0", stop + 1, end)
    if stop < 0 or last < 0:
        raise WireError(f"result of a query hit cut at {at}")
    size = int.from_bytes(body[at + 4 : at + 8], "little")
    index = int.from_bytes(body[at : at + 4], "little")
    hashes: tuple[str, ...] = ()
    if last > stop + 1:
        found = ggep.read_extensions(body[stop + 1 : last])
        hashes = found.urns()
        size = ggep.number(found.ggep.get("LF", b"")) or size
        if len(alternates) < 1024:
            alternates += wire.hosts(found.ggep.get("ALT", b""))
            alternates += wire.hosts(found.ggep.get("ALT6", b""), wide=True)
    name = decode(body[at + 8 : min(stop, at + 8 + MAX_NAME)])
    file = SharedFile(
        name=name, size=size, hash=hashes[0] if hashes else "", detail=f"index {index}"
    )
    return file, last + 1


def _trailer(hit: Hit, data: bytes) -> None:
    """Read vendor, flags and GGEP; a trailer in no known form leaves *hit* as it is."""
    hit.vendor = vendor_name(data[:4])
    size = data[4]
    opened, private = data[5 : 5 + size], data[5 + size :]
    traits, has_ggep = _flags(opened)
    if size >= 4:
        traits += ("metadata",) if int.from_bytes(opened[2:4], "little") > 1 else ()
    start = private.find(bytes([ggep.MAGIC]))
    if has_ggep and start >= 0:
        found = ggep.read_extensions(private[start:]).ggep
        traits += _told(hit, found)
    hit.traits = traits


def _flags(opened: bytes) -> tuple[tuple[str, ...], bool]:
    # The oldest form is one byte, which knows two flags.
    second = opened[1] if len(opened) > 1 else PUSH | BUSY
    both = opened[0] & second if opened else 0
    names = ((PUSH, "firewalled"), (BUSY, "busy"), (UPLOADED, "has uploaded"))
    return tuple(name for bit, name in names if both & bit), bool(both & GGEP)


def _told(hit: Hit, found: dict[str, bytes]) -> tuple[str, ...]:
    hit.proxies = (
        *wire.hosts(found.get("PUSH", b"")),
        *wire.hosts(found.get("PUSH6", b""), wide=True),
    )
    if (wide := found.get("6", b"")) and len(wide) == 16 and not wire.usable(hit.address, 1):
        pair = wire.hosts(wide + hit.port.to_bytes(2, "little"), wide=True)
        hit.address = pair[0][0] if pair else hit.address
    told = [text for name, text in (("BH", "browsable"), ("TLS", "TLS")) if name in found]
    if name := found.get("HNAME"):
        told.append("host " + decode(name[:255]))
    if (version := found.get("GTKGV", b"")) and len(version) >= 4:
        told.append(f"version {version[1]}.{version[2]}.{version[3]}")
    return tuple(told)
