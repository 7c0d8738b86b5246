"""TLS on the wire: records, handshake messages, hellos. Bytes in, values out.

    record      type u8 | version u16 | length u16 | payload           RFC 8446 §5.1
    handshake   type u8 | length u24 | body                            RFC 8446 §4
    hello       version u16 | random 32 | session id | ciphers | compression | extensions
    SSL 2       8000 + length u16 | 01 | version u16 | three lengths u16 | ...   RFC 5246 E.2

Big-endian. GREASE (RFC 8701) is kept here; the fingerprints leave it out. Nothing is remembered.
"""

import msgspec

from backchannel.reader import Reader, WireError
from backchannel.text import utf8

CHANGE_CIPHER, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, SERVER_DONE = 1, 2, 11, 14
HEAD = 4
"""Bytes of a handshake message before its body."""
MAX_RECORD = 16384 + 2048
MAX_MESSAGE = 65536
"""Longest handshake message that is read. Hellos with post-quantum keys stay below 4 KiB."""
TLS13 = 0x0304
_DRAFT = 0x7F
"""Of versions that are drafts of TLS 1.3. Up to draft 21 a server's hello had it in front, and
neither session nor compression.
"""

_SNI, _GROUPS, _POINTS, _SIGNATURES, _ALPN, _VERSIONS, _ECH = 0, 10, 11, 13, 16, 43, 0xFE0D
_VERSION_NAMES = {0x0304: "1.3", 0x0303: "1.2", 0x0302: "1.1", 0x0301: "1.0", 0x0300: "ssl3"}
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a HelloRetryRequest (RFC 8446 §4.1.3)."""


class ClientHello(msgspec.Struct, frozen=True):
    """What a client offers, in the order it does."""

    version: int
    """The legacy field; `versions` counts where there are any."""
    ciphers: tuple[int, ...] = ()
    extensions: tuple[int, ...] = ()
    versions: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    points: tuple[int, ...] = ()
    signatures: tuple[int, ...] = ()
    alpn: tuple[bytes, ...] = ()
    name: str = ""

    @property
    def ech(self) -> bool:
        """Whether an encrypted hello is inside, or what looks like one."""
        return _ECH in self.extensions

    @property
    def highest(self) -> int:
        """The highest version offered."""
        return max((v for v in self.versions if not grease(v)), default=self.version)


class ServerHello(msgspec.Struct, frozen=True):
    """What a server chose."""

    version: int
    cipher: int
    alpn: str = ""
    retry: bool = False
    """True when it asks for another hello instead."""


def grease(value: int) -> bool:
    """Whether a 16-bit value is one of GREASE's."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def version_name(version: int) -> str:
    """Return a version as people write it."""
    return _VERSION_NAMES.get(version, f"{version:04x}")


def read_record(data: bytearray, at: int) -> tuple[int, int, int] | None:
    """Return (type, start, end) of the record at *at*; None for "need more".

    Raises WireError for what is no record.
    """
    have = len(data) - at
    if have > 0 and not CHANGE_CIPHER <= data[at] <= DATA:
        raise WireError(f"no TLS record starts with {data[at]:02x}")
    if have > 2 and (data[at + 1] != 3 or data[at + 2] > 4):
        raise WireError(f"unknown TLS record version {data[at + 1]}.{data[at + 2]}")
    if have < 5:
        return None
    size = data[at + 3] << 8 | data[at + 4]
    if size > MAX_RECORD:
        raise WireError(f"TLS record of {size} bytes")
    return (data[at], at + 5, at + 5 + size) if have >= 5 + size else None


def read_message(data: bytearray, at: int = 0) -> tuple[int, int] | None:
    """Return (type, size of the body) of the handshake message whose HEAD bytes are at *at*."""
    if len(data) < at + HEAD:
        return None
    size = data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
    if size > MAX_MESSAGE:
        raise WireError(f"handshake message of {size} bytes")
    return data[at], size


def read_client_hello(body: bytes, brief: bool = False) -> ClientHello:
    """Return the hello that *body* is; where it is to be *brief*, only the version and the name."""
    reader = Reader(body)
    version = reader.u16()
    if version >> 8 != 3:
        raise WireError(f"client hello of version {version:04x}")
    reader.skip(32)
    reader.skip(reader.u8())
    ciphers = reader.take(reader.u16())
    reader.skip(reader.u8())
    if brief:
        return ClientHello(version, name=_sought(reader))
    found = _extensions(reader)
    alpn = _alpn(found.get(_ALPN, b""))
    name = _name(found.get(_SNI, b""))
    return ClientHello(
        version,
        _numbers(ciphers),
        tuple(found),
        _numbers(found.get(_VERSIONS, b"")[1:]),
        _numbers(found.get(_GROUPS, b"")[2:]),
        tuple(found.get(_POINTS, b"")[1:]),
        _numbers(found.get(_SIGNATURES, b"")[2:]),
        alpn,
        name,
    )


def read_ssl2_hello(data: bytes | bytearray) -> ClientHello | None:
    """Return an SSL 2 hello for a later version; None for "need more"."""
    if len(data) < 2:
        return None
    size = int.from_bytes(data[:2], "big") & 0x7FFF
    if len(data) < 2 + size:
        return None
    reader = Reader(bytes(data[2 : 2 + size]))
    kind, version = reader.u8(), reader.u16()
    lengths = reader.u16(), reader.u16(), reader.u16()
    if kind != CLIENT_HELLO or version >> 8 != 3 or lengths[0] % 3 or sum(lengths) != len(reader):
        raise WireError("no SSL 2 hello")
    specs = reader.take(lengths[0])
    kinds = [int.from_bytes(specs[at : at + 3], "big") for at in range(0, len(specs), 3)]
    return ClientHello(version, tuple(kind for kind in kinds if kind < 0x10000))


def read_server_hello(body: bytes) -> ServerHello:
    """Return the hello that *body* is."""
    reader = Reader(body)
    version, random = reader.u16(), reader.take(32)
    draft = version >> 8 == _DRAFT
    if version >> 8 != 3 and not draft:
        raise WireError(f"server hello of version {version:04x}")
    if not draft:
        reader.skip(reader.u8())
    cipher = reader.u16()
    if not draft:
        reader.skip(1)
    found = _extensions(reader)
    if len(chosen := found.get(_VERSIONS, b"")) == 2:
        version = int.from_bytes(chosen, "big")
    alpn = _alpn(found.get(_ALPN, b""))
    return ServerHello(version, cipher, utf8(alpn[0]) if alpn else "", random == _RETRY)


def read_certificate(body: bytes) -> bytes:
    """Return the first certificate of a chain (RFC 5246 §7.4.2), in DER; empty when none."""
    reader = Reader(body)
    chain = reader.sub(reader.u24())
    return chain.take(chain.u24()) if chain else b""


def _extensions(reader: Reader) -> dict[int, bytes]:
    """Return the extensions in order; of a repeated one the first."""
    found: dict[int, bytes] = {}
    if not reader:
        return found
    inner = reader.sub(reader.u16())
    while inner:
        kind, value = inner.u16(), inner.take(inner.u16())
        if kind not in found:
            found[kind] = value
    return found


def _sought(reader: Reader) -> str:
    """Return the name among a client's extensions; the others are passed over, but for ALPN, which
    must be sound.
    """
    alpn, name = b"", b""
    told = named = False
    inner = reader.sub(reader.u16()) if reader else reader
    while inner:
        kind, size = inner.u16(), inner.u16()
        if kind == _SNI and not named:
            name, named = inner.take(size), True
        elif kind == _ALPN and not told:
            alpn, told = inner.take(size), True
        else:
            inner.skip(size)
    _alpn(alpn)
    return _name(name)


def _numbers(data: bytes) -> tuple[int, ...]:
    return tuple([data[at] << 8 | data[at + 1] for at in range(0, len(data) - 1, 2)])


def _alpn(data: bytes) -> tuple[bytes, ...]:
    if not data:
        return ()
    reader = Reader(data, min(2, len(data)))
    found = []
    while reader:
        found.append(reader.take(reader.u8()))
    return tuple(found)


def _name(data: bytes) -> str:
    """Return the first host name in a server_name extension (RFC 6066 §3)."""
    reader = Reader(data, min(2, len(data)))
    while reader:
        kind, name = reader.u8(), reader.take(reader.u16())
        if kind == 0:
            return utf8(name).rstrip(".").lower()
    return ""
