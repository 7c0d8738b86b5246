"""The names in an X.509 certificate. DER in, texts out; nothing is verified.

RFC 5280 §4.1, read only as far as the names: issuer, subject, and the alternative names among the
extensions. A small reader of our own, since what is read is the attacker's and most of it is noise.
"""

from collections.abc import Iterator

from backchannel.reader import Reader, WireError
from backchannel.text import decode

_INTEGER, _OID, _SEQUENCE, _EXTENSIONS, _DNS_NAME = 0x02, 0x06, 0x30, 0xA3, 0x82
_COMMON_NAME, _ORGANISATION, _ALTERNATIVE = b"\x55\x04\x03", b"\x55\x04\x0a", b"\x55\x1d\x11"
_WIDE = 0x1E
"""BMPString: the only kind of text here that is not a superset of ASCII."""
NAMES = 100


def read_names(der: bytes) -> tuple[tuple[str, ...], str]:
    """Return (names, issuer): at most NAMES alternative names, or the subject's common name.

    The issuer is its organisation, or its common name. Raises WireError for what is no
    certificate.
    """
    certificate = _enter(Reader(der), _SEQUENCE)
    body = _enter(certificate, _SEQUENCE)
    tag, _ = _next(body)
    if tag != _INTEGER:  # the version stood before the serial number
        _next(body)
    _next(body)  # signature algorithm
    issuer = dict(_attributes(_enter(body, _SEQUENCE)))
    _next(body)  # validity
    subject = dict(_attributes(_enter(body, _SEQUENCE)))
    names = _alternative_names(body)[:NAMES]
    common = subject.get(_COMMON_NAME, "")
    if not names and common:
        names = [common]
    return tuple(names), issuer.get(_ORGANISATION) or issuer.get(_COMMON_NAME, "")


def _next(reader: Reader) -> tuple[int, Reader]:
    """Return (tag, contents) of the next element. Lengths take at most three bytes here."""
    tag, size = reader.u8(), reader.u8()
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 3:
            raise WireError(f"DER length of {count} bytes")
        size = int.from_bytes(reader.take(count), "big")
    return tag, reader.sub(size)


def _enter(reader: Reader, tag: int) -> Reader:
    found, contents = _next(reader)
    if found != tag:
        raise WireError(f"wanted DER element {tag:02x}, got {found:02x}")
    return contents


def _attributes(name: Reader) -> Iterator[tuple[bytes, str]]:
    """Yield (object identifier, text) of a distinguished name."""
    while name:
        _, parts = _next(name)
        while parts:
            attribute = _enter(parts, _SEQUENCE)
            kind = _enter(attribute, _OID).rest()
            tag, value = _next(attribute)
            yield kind, decode(value.rest(), "utf-16-be" if tag == _WIDE else "utf-8")


def _alternative_names(body: Reader) -> list[str]:
    while body:
        tag, contents = _next(body)
        if tag != _EXTENSIONS:
            continue
        extensions = _enter(contents, _SEQUENCE)
        while extensions:
            extension = _enter(extensions, _SEQUENCE)
            if _enter(extension, _OID).rest() != _ALTERNATIVE:
                continue
            _, value = _next(extension)
            if len(value) == 1:  # critical: TRUE stood before the value
                _, value = _next(extension)
            names = _enter(value, _SEQUENCE)
            found = []
            while names:
                kind, name = _next(names)
                if kind == _DNS_NAME:
                    found.append(decode(name.rest()).lower())
            return found
    return []
