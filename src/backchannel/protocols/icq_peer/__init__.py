"""ICQ from client to client over TCP, versions 2 to 8: messages, files and chats."""

from backchannel.protocols import Magic, Protocol

_VERSION = b"\xff\xff\xff\xf0\xff\xff\xff"
"""Compares all but the low bits of the version."""

PROTOCOL = Protocol(
    name="icq-peer",
    title="ICQ between clients",
    service="icq",
    magic=(
        Magic("tcp", b"\x1a\0\xff\0\0\0\0", _VERSION),
        Magic("tcp", b"\x2c\0\xff\0\0\x27\0", _VERSION),
        Magic("tcp", b"\x30\0\xff\0\0\x2b\0", _VERSION),
    ),
)
