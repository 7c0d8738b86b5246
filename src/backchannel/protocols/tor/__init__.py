"""Tor: a client's or relay's link to a relay, which is TLS of a shape of its own, on any port."""

from backchannel.protocols import Magic, Protocol

_RECORD = b"\x16\x03\0\0\0\x01\0\0\0\x03" + bytes(33)
_RECORD_MASK = b"\xff\xff\0\0\0\xff\xff\0\0\xff" + bytes(33)
"""A record with a handshake, a client's hello in it, and its version; then 32 random bytes."""
_NO_ID = b"\0"
_ID, _ID_MASK = b"\x20" + bytes(32), b"\xff" + bytes(32)
_TLS13, _TLS13_FIRST = b"\x13\x01\x13\x03\x13\x02", b"\x13\x02\x13\x03\x13\x01"
_BROWSERS = bytes.fromhex("c02bc02fcca9cca8c02cc030c00ac009c013c014")
_OLD = bytes.fromhex("c00ac0140088008700390038c00fc00500840035c007c009c011c01300450044")


def _hello(session: bytes, compared: bytes, size: bytes, bits: bytes, ciphers: bytes) -> Magic:
    """Return the magic of a client's hello in one record: its session's id, the size of its
    ciphers, and their first; *compared* and *bits* are the masks of the first two.
    """
    return Magic(
        "tcp",
        pattern=_RECORD + session + size + ciphers,
        mask=_RECORD_MASK + compared + bits + b"\xff" * len(ciphers),
    )


PROTOCOL = Protocol(
    name="tor",
    title="Tor links",
    service="tor",
    magic=(
        _hello(_ID, _ID_MASK, b"\0\x24", b"\xff\xfd", _TLS13 + _BROWSERS),
        _hello(_ID, _ID_MASK, b"\0\x24", b"\xff\xfd", _TLS13_FIRST + _BROWSERS),
        _hello(_NO_ID, b"\xff", b"\0\0", b"\xff\xc1", _BROWSERS),
        _hello(_NO_ID, b"\xff", b"\0\x48", b"\xff\xff", _OLD),
    ),
)
"""Tor asks for the ciphers of a browser of its time, and OpenSSL adds 00ff: the size of the list is
none of that browser's."""
