"""ICQ's packets between clients: bytes in, values out. Integers are little-endian.

    packet          length u16 | body
    init 2 to 5     ff | version u32 | port u32 | UIN u32 | IP | inner IP | mode u8 | port u32
    init 6 to 8     ff | version u16 | length u16 | recipient's UIN | 0 u16 | port u32 | UIN | IP
                    | inner IP | mode u8 | port u32 | cookie u32 | 50 u32 | 3 u32 (7, 8: | id u32)
    message 2 to 5  UIN | version u16 (4, 5: | check u32) | command u32 | UIN | kind u16 | text
                    | IP | inner IP | port u32 | mode u8 | status u16 | flags u16 | more | sequence
    message 6       check u32 | command u16 | length u16 | sequence u16 | zeros | kind u16
                    | status u16 | flags u16 | text | more
    message 7, 8    2 | the same

From version 6 on the one who was called answers an init with `1 u32` and an init of its own.

Sources: licq 1.3.0 icqpacket.cpp and icqd-tcp.cpp; icqlib 1.x tcphandle.c; Isaksson and
McLaughlin, "Version 5 of the ICQ Protocol", section 6; Miranda ICQCorp protocol.cpp.
"""

import msgspec

from backchannel.protocols.icq.wire import string
from backchannel.protocols.icq_peer.crypt import unscramble
from backchannel.reader import Reader, WireError

START, ACK, CANCEL = 0x07EE, 0x07DA, 0x07D0
_COMMANDS = {START, ACK, CANCEL}
_OLD_INIT = 26
_NEW_INITS = {44, 48}
_NEW_HEAD = 5
_HIGHEST_UIN = 0x7FFFFFFF
_HIGHEST_VERSION = 15
_MODES = {0, 1, 2, 4, 6}
_ADDRESSES = 13
"""Bytes of IP, inner IP, port and mode in a message of versions 2 to 5."""
_MANAGER = 0x12
"""Length in messages of version 7 that ask for profiles and status texts, not to be read."""
OK = b"\x01\0\0\0"
"""The body that accepts an init."""


class Init(msgspec.Struct, frozen=True):
    """The first packet: who calls, from where."""

    version: int
    uin: int
    recipient: int
    """0 before version 6."""
    outer: str
    inner: str
    port: int
    cookie: int


class Message(msgspec.Struct, frozen=True):
    """A packet of a message connection, in clear."""

    command: int
    uin: int
    """The sender's; 0 from version 6 on."""
    kind: int
    status: int
    flags: int
    text: bytes
    sequence: int
    """Its number; an answer repeats it."""
    more: bytes
    """What belongs to the kind, with the sequence behind it before version 6."""


def read_init(body: bytes) -> Init | None:
    """Return the init in *body*; None if it is not one."""
    if body[:1] != b"\xff" or len(body) not in {_OLD_INIT, *_NEW_INITS}:
        return None
    reader = Reader(body, 1)
    version, recipient, new = reader.u16le(), 0, len(body) != _OLD_INIT
    if new:
        if reader.u16le() != len(body) - _NEW_HEAD:
            return None
        recipient = reader.u32le()
    if reader.u16le():  # the version's high half, or a zero
        return None
    port, uin = reader.u32le(), reader.u32le()
    outer, inner, mode, port2 = reader.ipv4(), reader.ipv4(), reader.u8(), reader.u32le()
    cookie = reader.u32le() if new else 0
    versions = range(6, _HIGHEST_VERSION + 1) if new else range(1, 6)
    if version not in versions or mode not in _MODES or not 0 < uin <= _HIGHEST_UIN:
        return None
    if port > 0xFFFF or port2 > 0xFFFF:
        return None
    return Init(version, uin, recipient, outer, inner, port2 or port, cookie)


def is_confirmation(body: bytes) -> bool:
    """Say whether this is what follows the inits of versions 7 and 8."""
    return len(body) in {33, 34} and body[:5] == b"\x03\x0a\0\0\0"


def read_message(body: bytes, version: int) -> Message:
    """Return the message in *body*. *version* is what both sides agreed on.

    Raises WireError if it is not one, or if its check does not match.
    """
    if version >= 6:
        return _new_message(body, version)
    if len(body) >= 6:  # version 2 may be written on a connection of version 3, and so on
        version = int.from_bytes(body[4:6], "little")
    if not 1 <= version <= 5:
        raise WireError(f"message of version {version}")
    return _old_message(body, version)


def _old_message(body: bytes, version: int) -> Message:
    clear, fits = unscramble(version, body)
    if not fits:
        raise WireError("the check of a scrambled message does not fit")
    reader = Reader(clear)
    uin = reader.u32le()
    reader.skip(2 if version < 4 else 6)
    command, _, again, kind = reader.u16le(), reader.u16le(), reader.u32le(), reader.u16le()
    if command not in _COMMANDS or again != uin:
        raise WireError(f"command {command:#06x} of a message")
    text = string(reader)
    reader.skip(_ADDRESSES)
    status, flags = reader.u16le(), reader.u16le()
    more = reader.rest()
    return Message(command, uin, kind, status, flags, text, _last_sequence(more), more)


def _new_message(body: bytes, version: int) -> Message:
    if version >= 7 and body[:1] != b"\x02":
        raise WireError(f"packet of kind {body[:1].hex()}")
    clear, fits = unscramble(version, body)
    if not fits:
        raise WireError("the check of a scrambled message does not fit")
    reader = Reader(clear, 4)
    command, length, sequence = reader.u16le(), reader.u16le(), reader.u16le()
    if command not in _COMMANDS:
        raise WireError(f"command {command:#06x} of a message")
    reader.skip(length - 2)
    kind, status, flags = reader.u16le(), reader.u16le(), reader.u16le()
    if length == _MANAGER:
        return Message(command, 0, 0, status, flags, b"", sequence, b"")
    text = string(reader)
    return Message(command, 0, kind, status, flags, text, sequence, reader.rest())


def _last_sequence(more: bytes) -> int:
    """Return the sequence number at the end of a message of versions 2 to 5.

    licq adds a letter and its version behind it.
    """
    tail = more[:-3] if len(more) >= 7 and more[-3:-2] == b"L" else more
    return int.from_bytes(tail[-4:], "little")
