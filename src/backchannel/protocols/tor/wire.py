"""What is Tor's about a TLS connection. Bytes and values in, an opinion out.

A client's hello (`shape`) has the ciphers of a list that Tor took from a browser, no ALPN,
OpenSSL's order of extensions, and a random name: `www.`, 4 to 25 letters of base32, `.com`. A
relay's certificate (`names_relay`), which TLS 1.3 hides, is for `www.RANDOM.net` and by
`www.RANDOM.com`, of 8 to 20 letters.

In TLS 1.3 the sizes of records tell the rest (`Sizes`). Behind the handshake's end the client sends
VERSIONS, 5 bytes and 2 for each version, and then nothing but whole cells of 514 bytes.
"""

import re
from struct import pack

from backchannel.protocols.tls.wire import (
    CLIENT_HELLO,
    HANDSHAKE,
    ClientHello,
    read_client_hello,
    read_message,
    read_record,
)
from backchannel.reader import WireError

_TLS13 = (0x1301, 0x1303, 0x1302)
_TLS13_FIRST = (0x1302, 0x1303, 0x1301)
"""OpenSSL's own order, as long as Tor did not say in which to ask for them."""
_BROWSERS = (*(0xC02B, 0xC02F, 0xCCA9, 0xCCA8, 0xC02C, 0xC030, 0xC00A, 0xC009, 0xC013, 0xC014),)
_NEWER = (*_BROWSERS, 0x009C, 0x009D, 0x002F, 0x0035)
_EDH = (*_BROWSERS, 0x0033, 0x0039, 0x002F, 0x0035)
_TRIPLE_DES = 0x000A
_RENEGOTIATION = 0x00FF
_OLD = (
    *(0xC00A, 0xC014, 0x0088, 0x0087, 0x0039, 0x0038, 0xC00F, 0xC005, 0x0084, 0x0035, 0xC007),
    *(0xC009, 0xC011, 0xC013, 0x0045, 0x0044, 0x0033, 0x0032, 0xC00C, 0xC00E, 0xC002, 0xC004),
    *(0x0096, 0x0041, 0x0004, 0x0005, 0x002F, 0xC008, 0xC012, 0x0016, 0x0013, 0xC00D, 0xC003),
    *(0xFEFF, _TRIPLE_DES),
)
_LISTS = (_NEWER, _EDH, (*_EDH, _TRIPLE_DES))
CIPHERS = frozenset(
    (*ciphers, _RENEGOTIATION)
    for ciphers in (
        *_LISTS,
        *((*order, *each) for order in (_TLS13, _TLS13_FIRST) for each in _LISTS),
        _OLD,
    )
)
"""The lists that Tor's versions ask for, with OpenSSL's mark behind them."""
_WRITTEN = frozenset(pack(f">{len(ciphers)}H", *ciphers) for ciphers in CIPHERS)
_SESSION = 5 + 4 + 2 + 32
"""Where a hello's session id begins, with its size, in the stream; ciphers follow, with theirs."""
_EXTENSIONS = (0, 11, 10)
"""Those that come first: the name, and point formats before groups, as OpenSSL has them."""
_ASKED = re.compile(r"www\.[a-z2-7]{4,25}\.com", re.ASCII)
_SUBJECT = re.compile(r"www\.[a-z2-7]{8,20}\.net", re.ASCII)
_ISSUER = re.compile(r"www\.[a-z2-7]{8,20}\.com", re.ASCII)
_SEAL = 17
"""Bytes that TLS 1.3 adds to what it encrypts in a record: the content's type and a tag."""
FINISHED = frozenset({4 + 32 + _SEAL, 4 + 48 + _SEAL})
"""Sizes of the record that ends a client's handshake, by the cipher's hash."""
VERSIONS = frozenset(5 + 2 * count + _SEAL for count in range(1, 6))
CELL = 514


def read_hello(data: bytes) -> ClientHello | None:
    """Return the hello in the first record of *data*; None: "need more". Raises WireError for what
    is none, or asks for other ciphers: nearly all that browsers say.
    """
    at = _SESSION + 1 + data[_SESSION] if len(data) > _SESSION else len(data)
    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    if at + 2 <= end <= len(data) and data[at + 2 : end] not in _WRITTEN:
        raise WireError("other ciphers than Tor's")
    record = read_record(bytearray(data), 0)
    if record is None:
        return None
    kind, start, end = record
    message = read_message(bytearray(data[start:end]))
    if kind != HANDSHAKE or message is None or message != (CLIENT_HELLO, end - start - 4):
        raise WireError("no client hello in one record")
    return read_client_hello(data[start + 4 : end])


def shape(hello: ClientHello) -> bool:
    """Say whether a hello is of Tor's shape."""
    return (
        hello.ciphers in CIPHERS
        and hello.extensions[:3] == _EXTENSIONS
        and not hello.alpn
        and _ASKED.fullmatch(hello.name) is not None
    )


def names_relay(names: tuple[str, ...], issuer: str) -> bool:
    """Say whether a certificate is of the shape that relays' are."""
    return (
        len(names) == 1
        and _SUBJECT.fullmatch(names[0]) is not None
        and _ISSUER.fullmatch(issuer) is not None
    )


class Sizes:
    """The sizes of the records in which a client encrypts, in TLS 1.3."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, size: int) -> bool | None:
        """Say whether these are cells, with one of *size* bytes; None: "need more"."""
        self._count += 1
        if self._count == 1:
            return None if size in FINISHED else False
        if self._count == 2:
            return None if size in VERSIONS else False
        return size > CELL and (size - _SEAL) % CELL == 0
