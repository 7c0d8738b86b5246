"""MSNFTP on the wire: a few command lines, then the file in blocks. Bytes in, values out.

    VER MSNFTP   USR account cookie   FIL size   TFR   CCL   BYE code     each ends with CRLF
    block: 00 | length u16 little-endian | data       01 00 00: the sender gives up

Which side receives shows in the commands (USR, TFR and BYE are the receiver's, FIL is the
sender's), not in who connected. Sources: draft-movva, hypothetic.org `file_transfer`, NINA wiki
`File Transfer`, BitlBee `msn/invitation.c`, Gaim 0.7x `msn/ft.c`.
"""

import re

import msgspec

from backchannel.reader import WireError
from backchannel.text import decode

MAX_LINE = 512
HEADER = 3
_LINE = re.compile(rb"(?:VER|USR|FIL|TFR|CCL|BYE|ACK)(?: [^\r\n]*)?\r?\n")
_WORD = (b"VER ", b"USR ", b"FIL ", b"TFR", b"CCL", b"BYE ", b"ACK ")


class Line(msgspec.Struct, frozen=True):
    """One command."""

    name: str
    words: tuple[str, ...]

    def word(self, at: int) -> str:
        """Return the parameter at *at*, or ''."""
        return self.words[at] if at < len(self.words) else ""


class Block(msgspec.Struct, frozen=True):
    """The head of a block."""

    last: bool
    """True: the sender ends the transfer, before or behind the last byte."""
    size: int


def take_line(buffer: bytearray) -> Line | None:
    """Cut one command off *buffer*; None means "need more".

    Raises WireError as soon as the bytes cannot be a command, so no more than MAX_LINE is held.
    """
    end = buffer.find(b"\n", 0, MAX_LINE)
    head = bytes(buffer[:4])
    if not any(head[: len(word)] == word[: len(head)] for word in _WORD):
        raise WireError("no MSNFTP command")
    if end < 0:
        if len(buffer) >= MAX_LINE:
            raise WireError(f"no end of a line within {MAX_LINE} bytes")
        return None
    line = bytes(buffer[: end + 1])
    if not _LINE.fullmatch(line):
        raise WireError("no MSNFTP command")
    del buffer[: end + 1]
    name, *words = decode(line.strip()).split()
    return Line(name, tuple(words))


def take_block(buffer: bytearray) -> Block | None:
    """Cut the head of a block off *buffer*; None means "need more".

    Raises WireError if it is not one.
    """
    if buffer and buffer[0] > 1:
        raise WireError(f"an MSNFTP block of kind {buffer[0]}")
    if len(buffer) < HEADER:
        return None
    head = Block(buffer[0] == 1, int.from_bytes(buffer[1:HEADER], "little"))
    del buffer[:HEADER]
    return head
