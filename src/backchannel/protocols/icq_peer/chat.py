"""A chat between clients. It opens with three packets, then every key that is pressed goes over.

    1 caller   64 or 65 u32 | -version u32 | UIN u32 | nickname | port u16 big-endian | colours
    2 other    64 or 65 u32 | UIN u32 | nickname | colours | version u32 | port u32 | ... | others
    3 caller   version u32 | port u32 | IP | inner IP | mode u8 | session u16 | font

    keys       text, 0d ends a line, 08 takes one back. Up to version 5 control bytes are commands
               with values behind them; from 6 on those begin with 0: 0 | command | length u32

Held: one line of at most LONGEST_LINE bytes a side, and the head of an unfinished command.
Source: licq 1.3.0 icqd-chat.cpp; licq 0.70 for the older form.
"""

import re
from collections.abc import Iterator

from backchannel.events import Message, Profile, Room
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.icq.content import words
from backchannel.protocols.icq.wire import string
from backchannel.protocols.icq_peer.state import State
from backchannel.reader import Reader

LONGEST_LINE = 4096
_CONTROL = re.compile(rb"[\x00-\x1f]")
_LONGEST_COMMAND = 65536
_NEW_HEAD, _FONT_HEAD = 6, 3
"""Bytes of a command that tell its length: of one since version 6, of the older one for a font."""
_OPENINGS = {0x64, 0x65}
_LOWEST_VERSION = 0xFFFFFFF0
_NEWLINE, _BACKSPACE, _FONT = 0x0D, 0x08, 0x10
_VALUES = {0x00: 4, 0x01: 4, 0x11: 4, 0x12: 4, 0x02: 4, 0x05: 4, 0x06: 4, 0x09: 6, 0x0E: 2, 0x0F: 6}
"""Bytes that follow a command up to version 5."""


def is_opening(body: bytes) -> bool:
    """Say whether *body* opens a chat connection: a hello of the one who calls."""
    return (
        len(body) >= 25
        and int.from_bytes(body[:4], "little") in _OPENINGS
        and int.from_bytes(body[4:8], "little") >= _LOWEST_VERSION
    )


class Chat:
    """One chat connection."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._packets = dict.fromkeys(Side, 0)
        self._lines = {side: bytearray() for side in Side}
        self._held = dict.fromkeys(Side, b"")
        self._passed = dict.fromkeys(Side, 0)
        """Bytes of a command that are still to be passed over."""

    def framed(self, side: Side) -> bool:
        """Whether packets of *side* are still to come; after them every byte is a key."""
        return self._packets[side] < (2 if side is self._state.caller else 1)

    def packet(self, side: Side, body: bytes) -> Iterator[Output]:
        """Tell who takes part. Raises WireError where the opening is broken."""
        self._packets[side] += 1
        if self._packets[side] > 1:  # the caller's font
            return
        reader = Reader(body)
        reader.skip(8 if side is self._state.caller else 4)
        uin, nickname = str(reader.u32le()), words(string(reader))
        self._state.names.setdefault(side, uin)
        if nickname and nickname != uin:
            yield Profile(account=uin, nickname=nickname)
        yield Room(room=self._room(), action="join", account=uin)

    def _room(self) -> str:
        """The chat has no name of its own: it is the caller's."""
        return f"chat of {self._state.name(self._state.caller)}"

    def keys(self, side: Side, data: bytes) -> list[Output]:
        """Take keys; tell every line that they finish."""
        data = self._held[side] + data
        told: list[Output] = []
        at, size = self._passed[side], len(data)
        line, new = self._lines[side], self._state.version >= 6
        while at < size:
            byte = data[at]
            if byte >= 0x20:
                at = self._text(line, data, at)
            elif byte == _NEWLINE:
                told += self._line(side)
                at += 1
            elif (new and byte == 0) or not new:
                after = _new_command(data, at) if new else _old_command(line, data, at)
                if after is None:
                    break
                at = after
            else:
                if byte == _BACKSPACE:
                    del line[-1:]
                at += 1
        self._held[side], self._passed[side] = data[at:], max(0, at - size)
        return told

    def gap(self, side: Side, size: int) -> None:
        """*size* bytes are missing, the end of an unfinished command first."""
        self._held[side], self._passed[side] = b"", max(0, self._passed[side] - size)

    @staticmethod
    def _text(line: bytearray, data: bytes, at: int) -> int:
        control = _CONTROL.search(data, at)
        end = control.start() if control else len(data)
        line += data[at : min(end, at + max(0, LONGEST_LINE - len(line)))]
        return end

    def _line(self, side: Side) -> list[Output]:
        said = words(bytes(self._lines[side]))
        self._lines[side].clear()
        if not said:
            return []
        sender, recipient = self._state.name(side), self._state.name(side.other)
        return [
            Message(
                sender=sender,
                recipient=recipient,
                room=self._room(),
                text=said,
                size=len(said),
            )
        ]

    def end(self, side: Side) -> list[Output]:
        """*side* left; a line it did not finish is told too."""
        told = self._line(side)
        if self._packets[side] and (name := self._state.name(side)):
            told.append(Room(room=self._room(), action="leave", account=name))
        return told


def _new_command(data: bytes, at: int) -> int | None:
    """Return where the command at *at* ends, None where its head has not come."""
    if len(data) < at + _NEW_HEAD:
        return None
    size = int.from_bytes(data[at + 2 : at + _NEW_HEAD], "little")
    if size > _LONGEST_COMMAND:
        return at + _NEW_HEAD
    # licq: the length that comes with a font's name counts the next byte too.
    return at + _NEW_HEAD + size - (1 if data[at + 1] == _FONT and size else 0)


def _old_command(line: bytearray, data: bytes, at: int) -> int | None:
    """Return where the command at *at* ends; a backspace shortens *line* at once."""
    command = data[at]
    if command == _FONT:
        if len(data) < at + _FONT_HEAD:
            return None
        return at + 5 + int.from_bytes(data[at + 1 : at + _FONT_HEAD], "little")
    if command == _BACKSPACE:
        del line[-1:]
    return at + 1 + _VALUES.get(command, 0)
