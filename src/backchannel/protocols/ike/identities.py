"""Identities, distinguished names and certificate requests: bodies in, words out.

IKEv1   type u8 | protocol u8 | port u16 | identity                RFC 2407 §4.6.2
IKEv2   type u8 | 0 | 0 u16 | identity                             RFC 7296 §3.5
NAME    SEQUENCE of SET of SEQUENCE of (OBJECT IDENTIFIER, string)  X.501, in DER
"""

from ipaddress import ip_address

from backchannel.protocols.ike.registry import IDENTITIES
from backchannel.reader import Reader, WireError
from backchannel.text import decode

ADDRESSES = frozenset({1, 5})
_PAIRS = {4: "/", 6: "/", 7: "-", 8: "-"}
_NAME = 9
_KEY_ID = 11
_LONGEST = 512
_MAX_PARTS = 32

_OIDS = {
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x05": "serialNumber",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x09": "street",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
    b"\x55\x04\x2e": "dnQualifier",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01": "emailAddress",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02": "unstructuredName",
    b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19": "DC",
    b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01": "UID",
}
_SEQUENCE, _SET, _OID, _BMP = 0x30, 0x31, 0x06, 0x1E


def read_identity(body: bytes) -> tuple[int, str, str]:
    """Return an identity's type, the type's name and the identity in words.

    Raises WireError where it is cut short.
    """
    reader = Reader(body)
    kind = reader.u8()
    reader.skip(3)
    value = reader.rest()
    return kind, IDENTITIES.get(kind, f"identity {kind}"), _words(kind, value)


def _words(kind: int, value: bytes) -> str:
    if kind in ADDRESSES and len(value) in (4, 16):
        return str(ip_address(value))
    if kind in _PAIRS and len(value) in (8, 32):
        half = len(value) // 2
        return f"{ip_address(value[:half])}{_PAIRS[kind]}{ip_address(value[half:])}"
    if kind == _NAME:
        return distinguished_name(value) or value[:_LONGEST].hex()
    text = decode(value[:_LONGEST])
    return text if text.isprintable() else value[:_LONGEST].hex()


def distinguished_name(der: bytes) -> str:
    """Return a name in DER as `CN=..., O=...`, in the order of its parts; empty if malformed."""
    try:
        return ", ".join(_parts(_value(Reader(der), _SEQUENCE)))
    except WireError:
        return ""


def _parts(reader: Reader) -> list[str]:
    parts: list[str] = []
    while reader and len(parts) < _MAX_PARTS:
        several = _value(reader, _SET)
        while several and len(parts) < _MAX_PARTS:
            pair = _value(several, _SEQUENCE)
            oid = _value(pair, _OID).rest()
            kind, text = _item(pair)
            value = decode(text.rest()[:_LONGEST], *(("utf-16-be",) if kind == _BMP else ()))
            parts.append(f"{_OIDS.get(oid, oid.hex())}={value}")
    return parts


def _value(reader: Reader, tag: int) -> Reader:
    found, value = _item(reader)
    if found != tag:
        raise WireError(f"DER tag {found:02x} where {tag:02x} belongs")
    return value


def _item(reader: Reader) -> tuple[int, Reader]:
    """Return tag and contents of one DER item; lengths of at most three bytes."""
    tag, size = reader.u8(), reader.u8()
    if size & 0x80:
        if not 1 <= size & 0x7F <= 3:
            raise WireError("DER length")
        size = int.from_bytes(reader.take(size & 0x7F), "big")
    return tag, reader.sub(size)
