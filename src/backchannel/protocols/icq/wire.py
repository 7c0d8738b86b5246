"""ICQ's datagrams of versions 1 to 5: bytes in, packets out. All integers are little-endian.

    client 1, 2   version u16 | command u16 | sequence u16 | UIN u32 | parameters
    server 1, 2   version | command | sequence | parameters
    both 3        version | command | sequence | sequence 2 | UIN u32 | check u32 | parameters
    client 4      version | random u16 | 0 u16 | command | sequence | sequence 2 | UIN | check
    server 4      as version 3, which it calls itself
    client 5      version | 0 u32 | UIN u32 | session u32 | command | sequence | sequence 2 | check
    server 5      version | 0 u8 | session u32 | command | sequence | sequence 2 | UIN | check

Strings are a length u16 that counts their closing NUL, and the text. Some commands of versions 1
and 2 begin with a second sequence number. Nothing is remembered here.
"""

from backchannel.model import Side
from backchannel.protocols.icq import scramble
from backchannel.protocols.icq.names import (
    CLIENT_COMMANDS,
    CLIENT_SUBSEQUENCE,
    SERVER_COMMANDS,
    SERVER_SUBSEQUENCE,
    Client,
    Server,
)
from backchannel.reader import Reader

_CLIENT, _SERVER = Side
_SHORTEST = 6
_LONGEST_STRING = 8192


class Packet:
    """One packet in clear."""

    __slots__ = (
        "checked",
        "command",
        "parameters",
        "sequence",
        "sequence2",
        "session",
        "side",
        "uin",
        "version",
    )

    def __init__(
        self,
        *,
        version: int,
        side: Side,
        command: int,
        uin: int,
        session: int,
        sequence: int,
        sequence2: int,
        parameters: bytes,
        checked: bool,
    ) -> None:
        """*uin* is the client's, 0 where the packet does not tell; *checked*: whether a check code
        was there and fits.
        """
        self.version, self.side, self.command = version, side, command
        self.uin, self.session = uin, session
        self.sequence, self.sequence2 = sequence, sequence2
        self.parameters, self.checked = parameters, checked

    @property
    def known(self) -> bool:
        """Whether the command is one that was ever described."""
        commands = CLIENT_COMMANDS if self.side is _CLIENT else SERVER_COMMANDS
        return self.command in commands


def _u16(data: bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8


def _u32(data: bytes, at: int) -> int:
    return (data[at] | data[at + 1] << 8) | (data[at + 2] | data[at + 3] << 8) << 16


def read(side: Side, data: bytes, proved: bool = False) -> Packet | None:
    """Return the packet in a datagram of *side*, None where there is no room for a header; and
    where it must be *proved*, None for a client's of version 4 or 5 whose check code does not fit.
    """
    if len(data) < _SHORTEST:
        return None
    version = _u16(data, 0)
    if side is _CLIENT:
        if version == 5 and len(data) >= 24:
            return _client_5(data, proved)
        if version == 4 and len(data) >= 20:
            return _client_4(data, proved)
    elif version == 5 and len(data) >= 21:
        return _server_5(data)
    if version == 3 and len(data) >= 16:
        return _version_3(side, data)
    if version in {1, 2}:
        return _version_2(side, data)
    return None


def _client_5(data: bytes, proved: bool) -> Packet | None:
    clear, fits = scramble.unscramble_5(data)
    if proved and not fits:
        return None
    return Packet(
        version=5,
        side=_CLIENT,
        command=_u16(clear, 14),
        uin=_u32(clear, 6),
        session=_u32(clear, 10),
        sequence=_u16(clear, 16),
        sequence2=_u16(clear, 18),
        parameters=clear[24:],
        checked=fits,
    )


def _client_4(data: bytes, proved: bool) -> Packet | None:
    clear, fits = scramble.unscramble_4(data)
    fits = fits and clear[4:6] == b"\0\0"
    if proved and not fits:
        return None
    return Packet(
        version=4,
        side=_CLIENT,
        command=_u16(clear, 6),
        uin=_u32(clear, 12),
        session=0,
        sequence=_u16(clear, 8),
        sequence2=_u16(clear, 10),
        parameters=clear[20:],
        checked=fits,
    )


def _server_5(data: bytes) -> Packet:
    return Packet(
        version=5,
        side=_SERVER,
        command=_u16(data, 7),
        uin=_u32(data, 13),
        session=_u32(data, 3),
        sequence=_u16(data, 9),
        sequence2=_u16(data, 11),
        parameters=data[21:],
        checked=scramble.check_fits(data, _u32(data, 17), scramble.TABLE_5, 17),
    )


def _version_3(side: Side, data: bytes) -> Packet:
    return Packet(
        version=3,
        side=side,
        command=_u16(data, 2),
        uin=_u32(data, 8),
        session=0,
        sequence=_u16(data, 4),
        sequence2=_u16(data, 6),
        parameters=data[16:],
        checked=scramble.check_fits(data, _u32(data, 12), scramble.TABLE_4, 12),
    )


def _version_2(side: Side, data: bytes) -> Packet | None:
    command = _u16(data, 2)
    has_uin = side is _CLIENT and command != Client.REGISTER
    at = 10 if has_uin else 6
    if len(data) < at:
        return None
    second = CLIENT_SUBSEQUENCE if side is _CLIENT else SERVER_SUBSEQUENCE
    sequence2 = 0
    if command in second and len(data) >= at + 2:
        sequence2, at = _u16(data, at), at + 2
    return Packet(
        version=_u16(data, 0),
        side=side,
        command=command,
        uin=_u32(data, 6) if has_uin else 0,
        session=0,
        sequence=_u16(data, 4),
        sequence2=sequence2,
        parameters=data[at:],
        checked=False,
    )


def string(reader: Reader) -> bytes:
    """Read a string, without its closing NUL."""
    size = reader.u16le()
    return reader.take(min(size, _LONGEST_STRING) if size <= len(reader) else size).rstrip(b"\0")


def fragment(packet: Packet) -> tuple[int, int, bytes] | None:
    """Return (number, count, piece) of a packet that was cut into pieces (versions 3 and 4)."""
    if packet.command not in {Client.FRAGMENT, Server.FRAGMENT} or len(packet.parameters) < 3:
        return None
    number, count = packet.parameters[0], packet.parameters[1]
    return (number, count, packet.parameters[2:]) if number < count else None
