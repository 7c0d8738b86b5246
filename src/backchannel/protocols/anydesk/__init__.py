"""AnyDesk: its discovery of other programs on the same network, and the TLS of its connections."""

from backchannel.protocols import Magic, Protocol

_CIPHERS = bytes.fromhex("c030c02cc028c024c014c00a00a500a300a1009f")
"""The first that OpenSSL 1.0 asks for; others with it say a name, or show other certificates."""
_HELLO = b"\x16\x03\0\0\0\x01\0\0\0\x03" + bytes(33) + b"\0\0\0" + _CIPHERS
_FIXED = b"\xff\xff\0\0\0\xff\xff\0\0\xff" + bytes(33) + b"\xff\xff\1"
_MASK = _FIXED + b"\xff" * len(_CIPHERS)
"""A hello in one record, with no session to go on with, and an even size of its ciphers."""

PROTOCOL = Protocol(
    name="anydesk",
    title="AnyDesk",
    service="anydesk",
    magic=(
        Magic(
            "udp",
            b"\x3e\xd1\x01" + bytes(8) + b"\x02",
            b"\xff" * 3 + bytes(8) + b"\xff",
            minimum=40,
        ),
        Magic("tcp", _HELLO, _MASK, first=True),
    ),
)
