"""The names in an X.509 certificate. DER in, texts out; nothing is verified.

RFC 5280 §4.1, read only as far as the names: issuer, subject, and the alternative names among the
extensions. A small reader of our own, since what is read is the attacker's and most of it is noise.
"""

from functools import lru_cache

from backchannel.reader import Reader, WireError
from backchannel.text import decode

_INTEGER, _OID, _SEQUENCE, _EXTENSIONS, _DNS_NAME = 0x02, 0x06, 0x30, 0xA3, 0x82
_COMMON_NAME, _ORGANISATION, _ALTERNATIVE = b"\x55\x04\x03", b"\x55\x04\x0a", b"\x55\x1d\x11"
_WIDE = 0x1E
"""BMPString: the only kind of text here that is not a superset of ASCII."""
NAMES = 100
REMEMBERED, LARGEST = 64, 4096
"""Certificates whose names are remembered, and the bytes of one at most: hosts show theirs again
and again.
"""


def names_in(der: bytes, wanted: bool = True) -> tuple[tuple[str, ...], str]:
    """Return what `read_names` does, as it is remembered."""
    return _remembered(der, wanted) if len(der) <= LARGEST else read_names(der, wanted)


def read_names(der: bytes, wanted: bool = True) -> tuple[tuple[str, ...], str]:
    """Return (names, issuer): at most NAMES alternative names, or the subject's common name.

    The issuer is its organisation, or its common name. Where they are not *wanted* both are empty.
    Raises WireError for what is no certificate.
    """
    certificate = _enter(Reader(der), _SEQUENCE)
    body = _enter(certificate, _SEQUENCE)
    if _tag(body) != _INTEGER:  # the version stood before the serial number
        _next(body)
    _next(body)  # signature algorithm
    issuer = _attributes(_enter(body, _SEQUENCE))
    _next(body)  # validity
    subject = _attributes(_enter(body, _SEQUENCE))
    names = _alternative_names(body)
    if not wanted:
        return (), ""
    texts = [decode(name).lower() for name in names[:NAMES]]
    common = _text(subject.get(_COMMON_NAME))
    if not texts and common:
        texts = [common]
    return tuple(texts), _text(issuer.get(_ORGANISATION)) or _text(issuer.get(_COMMON_NAME))


def _tag(reader: Reader) -> int:
    """Pass over the next element and return its tag."""
    tag = reader.u8()
    reader.skip(_size(reader))
    return tag


def _next(reader: Reader) -> Reader:
    """Return the contents of the next element, of whatever kind."""
    reader.skip(1)
    return reader.sub(_size(reader))


def _size(reader: Reader) -> int:
    """Return the size of the element whose tag was read. It takes at most three bytes here."""
    size = reader.u8()
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 3:
            raise WireError(f"DER length of {count} bytes")
        size = 0
        octets = reader.take(count)
        for byte in octets:
            size = size << 8 | byte
    return size


def _enter(reader: Reader, tag: int) -> Reader:
    found = reader.u8()
    contents = reader.sub(_size(reader))
    if found != tag:
        raise WireError(f"wanted DER element {tag:02x}, got {found:02x}")
    return contents


def _value(reader: Reader, tag: int) -> bytes:
    """Return the bytes of the next element, which has that *tag*."""
    found = reader.u8()
    value = reader.take(_size(reader))
    if found != tag:
        raise WireError(f"wanted DER element {tag:02x}, got {found:02x}")
    return value


def _attributes(name: Reader) -> dict[bytes, tuple[int, bytes]]:
    """Return (kind of text, its bytes) by object identifier, of a distinguished name."""
    found: dict[bytes, tuple[int, bytes]] = {}
    while name.offset < name.end:
        parts = _next(name)
        while parts.offset < parts.end:
            attribute = _enter(parts, _SEQUENCE)
            kind = _value(attribute, _OID)
            tag = attribute.u8()
            found[kind] = tag, attribute.take(_size(attribute))
    return found


def _text(value: tuple[int, bytes] | None) -> str:
    if value is None:
        return ""
    tag, text = value
    return decode(text, "utf-16-be" if tag == _WIDE else "utf-8")


def _alternative_names(body: Reader) -> list[bytes]:
    while body.offset < body.end:
        tag = body.u8()
        contents = body.sub(_size(body))
        if tag != _EXTENSIONS:
            continue
        extensions = _enter(contents, _SEQUENCE)
        while extensions.offset < extensions.end:
            extension = _enter(extensions, _SEQUENCE)
            if _value(extension, _OID) != _ALTERNATIVE:
                continue
            value = _next(extension)
            if len(value) == 1:  # critical: TRUE stood before the value
                value = _next(extension)
            names = _enter(value, _SEQUENCE)
            found = []
            while names.offset < names.end:
                kind, name = names.u8(), names.take(_size(names))
                if kind == _DNS_NAME:
                    found.append(name)
            return found
    return []


_remembered = lru_cache(maxsize=REMEMBERED)(read_names)
