"""Extension areas of messages: GGEP blocks and HUGE strings. Bytes in, values out.

    AREA      (GGEP block | string) separated by 1c or 00
    BLOCK     c3 | (flags u8 | id 1-15 bytes | length 1-3 bytes | data)...
    flags     last 80 | COBS 40 | deflate 20 | reserved 10 | length of id 0f
    length    six bits a byte, most significant first; 80: more follow, 40: the last

GGEP 0.51 (appendix B: how both share one area), HUGE 0.94 §3. A damaged block ends the area:
what was read before it stands.
"""

import base64
import re

import msgspec

from backchannel.protocols.deflated import inflate
from backchannel.protocols.gnutella.wire import MAX_BODY
from backchannel.reader import Reader, WireError

MAGIC = 0xC3
LAST, COBS, DEFLATE, ID = 0x80, 0x40, 0x20, 0x0F
MAX_EXTENSIONS = 64
MAX_STRINGS = 64
_SEPARATOR = re.compile(rb"[\x1c\x00]")
_HASHES = {1: ("sha1", 20), 2: ("bitprint", 44), 3: ("md5", 16), 5: ("md4", 16)}


class Extensions(msgspec.Struct):
    """What an extension area holds."""

    ggep: dict[str, bytes]
    """Data by id, encodings undone; of equal ids the first."""
    strings: list[bytes]
    damaged: bool = False

    def urns(self) -> tuple[str, ...]:
        """Return the URNs in it, in order, each once; the short form asking for any is left out."""
        found: dict[str, None] = {}
        for text in self.strings:
            if text[:4].lower() == b"urn:" and len(text) > 9:
                found[text.decode("latin-1")] = None
        if urn := self.ggep.get("u"):
            found["urn:" + urn.decode("latin-1")] = None
        if "H" in self.ggep and (digest := _digest(self.ggep["H"])):
            found[digest] = None
        if sha1 := self.ggep.get("S1"):
            found[f"urn:sha1:{base32(sha1)}"] = None
        return tuple(found)

    def xml(self) -> str:
        """Return the XML in it; empty where there is none."""
        for text in self.strings:
            if text[:1] == b"<":
                return text.decode("utf-8", "replace")
        return ""


def read_extensions(data: bytes) -> Extensions:
    """Read an extension area to its end."""
    found = Extensions({}, [])
    reader = Reader(data)
    try:
        while reader and len(found.strings) < MAX_STRINGS:
            first = reader.peek(1)[0]
            if first == MAGIC:
                _block(reader, found.ggep)
            elif first in (0x1C, 0):
                reader.skip(1)
            else:
                found.strings.append(_string(data, reader))
    except WireError:
        found.damaged = True
    return found


def _string(data: bytes, reader: Reader) -> bytes:
    end = _SEPARATOR.search(data, reader.offset)
    return reader.take((end.start() if end else len(data)) - reader.offset)


def _block(reader: Reader, found: dict[str, bytes]) -> None:
    reader.skip(1)
    for _ in range(MAX_EXTENSIONS):
        flags = reader.u8()
        if not flags & ID:
            raise WireError("GGEP extension without an id")
        name = reader.take(flags & ID).decode("latin-1")
        value = reader.take(_length(reader))
        if flags & COBS:
            value = uncobs(value)
        if flags & DEFLATE:
            value = inflate(value, MAX_BODY)
        found.setdefault(name, value)
        if flags & LAST:
            return


def _length(reader: Reader) -> int:
    length = 0
    for _ in range(3):
        byte = reader.u8()
        length = length << 6 | byte & 0x3F
        if byte & 0xC0 == 0x40:
            return length
        if byte & 0xC0 != 0x80:
            break
    raise WireError("bad GGEP length")


def uncobs(data: bytes) -> bytes:
    """Undo Consistent Overhead Byte Stuffing, which keeps zero bytes out of *data*."""
    pieces, at = [], 0
    while at < len(data):
        code = data[at]
        if code == 0 or at + code > len(data):
            raise WireError("bad COBS data")
        pieces.append(data[at + 1 : at + code])
        at += code
        if code < 255 and at < len(data):
            pieces.append(b"\0")
    return b"".join(pieces)


def number(data: bytes) -> int:
    """Return a GGEP number: little-endian, its trailing zero bytes left out; at most 64 bits."""
    return int.from_bytes(data[:8], "little")


def base32(data: bytes) -> str:
    """Return *data* in the unpadded base 32 of URNs."""
    return base64.b32encode(data).decode().rstrip("=")


def sha1_of(urn: str) -> str:
    """Return the SHA-1 that *urn* names, in hexadecimal; empty where it names none."""
    scheme, _, digest = urn.lower().removeprefix("urn:").partition(":")
    if scheme not in ("sha1", "bitprint"):
        return ""
    try:
        return base64.b32decode(digest[:32].upper()).hex() if len(digest) >= 32 else ""
    except ValueError:  # not in the alphabet, or not ASCII at all
        return ""


def _digest(data: bytes) -> str:
    """Return the URN of a GGEP `H`: a type byte and the digest."""
    scheme, size = _HASHES.get(data[0], ("", 0)) if data else ("", 0)
    digest = data[1 : 1 + size]
    if not size or len(digest) < size:
        return ""
    if scheme == "bitprint":
        return f"urn:bitprint:{base32(digest[:20])}.{base32(digest[20:])}"
    return f"urn:sha1:{base32(digest)}" if scheme == "sha1" else f"urn:{scheme}:{digest.hex()}"
