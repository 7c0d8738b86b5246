"""MSNP on the wire: command lines, and payloads for some of them. Bytes in, commands out.

    NAME SP parameters CRLF          NAME is three letters, or three digits for an error
    NAME SP parameters SP length CRLF payload

Which commands have a payload depends on the command and on the side; all versions are in one table,
because none uses a name in two ways. Sources: NINA wiki command pages, libpurple 2.10.9
`notification.c`, Escargot `msnp.py`, MSNPSharp `NSMessagePool.cs`.
"""

import re

import msgspec

from backchannel.model import Side
from backchannel.reader import WireError
from backchannel.text import decode

MAX_LINE = 16384
"""Tickets and signed blobs of 2 to 4 KiB stand in lines."""
MAX_PAYLOAD = 262144
"""What is longer is passed over unread. Switchboard messages end at 1664 bytes, contact lists of
MSNP13 at 7500; policies and datagrams of MSNP21 reach some 64 KiB."""
MAX_SKIP = 1 << 26
"""What is longer than this cannot be meant: the framing is lost."""

_NAME = re.compile(rb"(?:[A-Z]{3}|\d{3})(?:[ \r\n]|\Z)")

_BOTH = {"ADL": 3, "RML": 3, "FQY": 3, "SDG": 3, "PUT": 3, "DEL": 3, "MSG": 4, "SDC": 4}
_PAYLOAD = {
    Side.CLIENT: _BOTH
    | {"UUX": 3, "UUN": 4, "UUM": 4, "QRY": 4, "PAG": 4, "PGD": 4, "VAS": 4, "GET": 3, "FSL": 3},
    Side.SERVER: _BOTH
    | {"UBX": 3, "UBN": 4, "UBM": 4, "NOT": 2, "IPG": 2, "GCF": 3, "NFY": 3, "GET": 3, "FSL": 3},
}
"""The least number of words of a line whose last word is the length of a payload."""


class Command(msgspec.Struct, frozen=True):
    """One command, or error."""

    name: str
    words: tuple[str, ...]
    """Parameters, still URL-encoded; without the length of the payload."""
    payload: bytes | None = None
    """None where the command has none."""
    missing: bool = False
    """True where a payload was announced and passed over, because of its size or a gap."""

    def word(self, at: int) -> str:
        """Return the parameter at *at* (negative: from the end), or ''."""
        return self.words[at] if -len(self.words) <= at < len(self.words) else ""


class Framer:
    """One direction. Holds at most one line or one payload."""

    def __init__(self, side: Side, *, seek: re.Pattern[bytes] | None = None) -> None:
        """*seek* finds a sound command line amid other bytes; given, it is looked for first."""
        self._side = side
        self._seek = seek
        self._buffer = bytearray()
        self._scanned = 0
        self._head: Command | None = None
        """The command that waits for its payload."""
        self._need = 0
        self._skip = 0
        self._skipped = False

    @property
    def partial(self) -> bool:
        """Whether a command has begun and is not whole."""
        return self._seek is None and bool(self._buffer or self._head)

    @property
    def aligned(self) -> bool:
        """Whether nothing but whole commands has come."""
        return not (self._buffer or self._head or self._skip or self._skipped)

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        self._buffer += data

    def take(self) -> Command | None:
        """Return the next whole command; None means "need more".

        Raises WireError where the bytes cannot be MSNP; nothing more can be taken then.
        """
        if self._seek is not None and not self._found():
            return None
        if self._head is None:
            return self._line()
        return self._payload()

    def gap(self, size: int, seek: re.Pattern[bytes]) -> Command | None:
        """*size* bytes are missing. Returns the command whose payload they are in, if any."""
        broken, held = self._head, len(self._buffer)
        self._head = None
        self._buffer.clear()
        self._scanned = 0
        left = self._skip or (self._need - held if broken else 0)
        if self._seek is None and size <= left:
            self._skip = left - size
        else:
            self._skip, self._seek = 0, seek
        if broken is None:
            return None
        return Command(broken.name, broken.words, None, missing=True)

    def clear(self) -> None:
        """Forget what is held."""
        self._buffer.clear()
        self._head = None

    def _found(self) -> bool:
        """Look for a sound line; drop what comes before it, or before the last two lines."""
        assert self._seek is not None
        buffer = self._buffer
        last = buffer.rfind(b"\n")
        found = self._seek.search(buffer) if last >= 0 else None
        if found is None:
            keep = buffer.rfind(b"\n", 0, max(last, 0)) + 1
            self._skipped = True
            del buffer[: max(keep, len(buffer) - MAX_LINE)]
            return False
        self._skipped = self._skipped or found.start() > 0
        del buffer[: found.start()]
        self._scanned, self._seek = 0, None
        return True

    def _line(self) -> Command | None:
        buffer = self._buffer
        if len(buffer) >= 3 and not _NAME.match(buffer[:4]):
            raise WireError("no MSNP command")
        end = buffer.find(b"\n", self._scanned, MAX_LINE)
        if end < 0:
            if len(buffer) >= MAX_LINE:
                raise WireError(f"no end of a line within {MAX_LINE} bytes")
            self._scanned = len(buffer)
            return None
        if end < 3:
            raise WireError("no MSNP command")
        line = bytes(buffer[:end]).rstrip(b"\r")
        del buffer[: end + 1]
        self._scanned = 0
        return self._command(decode(line).split(" "))

    def _command(self, words: list[str]) -> Command | None:
        name, parameters = words[0], tuple(word for word in words[1:] if word)
        size = _payload_size(self._side, name, parameters)
        if size is None:
            return Command(name, parameters)
        if size > MAX_SKIP:
            raise WireError(f"{name} announces {size} bytes")
        head = Command(name, parameters[:-1], b"")
        if size > MAX_PAYLOAD:
            passed = min(size, len(self._buffer))
            del self._buffer[:passed]
            self._skip = size - passed
            return Command(name, parameters[:-1], None, missing=True)
        self._head, self._need = head, size
        return self._payload()

    def _payload(self) -> Command | None:
        head, need = self._head, self._need
        assert head is not None
        if len(self._buffer) < need:
            return None
        payload = bytes(self._buffer[:need])
        del self._buffer[:need]
        self._head, self._scanned = None, 0
        return Command(head.name, head.words, payload)


def _payload_size(side: Side, name: str, words: tuple[str, ...]) -> int | None:
    least = _PAYLOAD[side].get(name)
    if least is None:
        # Errors have a payload (what was wrong with a list) where a second number follows.
        if not (name.isdigit() and side is Side.SERVER and len(words) == 2):
            return None
        least = 3
    if len(words) + 1 < least or not words[-1].isascii() or not words[-1].isdigit():
        return None
    return int(words[-1]) if len(words[-1]) <= 10 else MAX_SKIP + 1
