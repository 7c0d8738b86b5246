"""ICQ before OSCAR: UDP, versions 1 to 5."""

from backchannel.protocols import Magic, Protocol

_KNOWN_COMMAND = b"\xff\xff\x01\xf8"
"""Compares the version, and that the command (third and fourth byte) is even, as all are, and
below 0x0800.
"""
_NOT_ZERO = (b"\0\0\xff\xff",)
"""No command is 0."""

PROTOCOL = Protocol(
    name="icq",
    title="ICQ over UDP, versions 1 to 5",
    service="icq",
    magic=(
        Magic("udp", b"\x01\0\0\0", _KNOWN_COMMAND, some=_NOT_ZERO, minimum=6),
        Magic("udp", b"\x02\0\0\0", _KNOWN_COMMAND, some=_NOT_ZERO, minimum=6),
        Magic("udp", b"\x03\0\0\0", _KNOWN_COMMAND, some=_NOT_ZERO, minimum=16),
        Magic("udp", b"\x04\0", minimum=20),
        Magic("udp", b"\x05\0\0\0\0\0", minimum=24),
        Magic("udp", b"\x05\0\0\0\0\0\0\0\0", b"\xff\xff\xff\0\0\0\0\0\xfc", minimum=21),
    ),
)
