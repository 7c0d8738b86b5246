r"""IRC on the wire: one message a line. Bytes in, values out.

    [@tag=value;tag ] [:nick!user@host | :server ] COMMAND param param :the rest \r\n

A line has 512 bytes at most, and up to 8191 more of tags; servers of today allow longer ones.
Sources: RFC 1459 and 2812; modern.ircdocs.horse (client protocol); IRCv3 message tags.
"""

import msgspec

from backchannel.patterns import later
from backchannel.reader import WireError
from backchannel.text import utf8

LONGEST = 16_384
"""Bytes of a line, tags included, that are waited for."""
PARAMETERS = 16
"""RFC 2812 has 15; the last takes the rest."""

_TAGS, _SOURCE, _COMMAND = 8191, 512, 32
"""Bytes of them at most."""
_CODES = later(
    r"[\x02\x0f\x11\x16\x1d\x1e\x1f]|\x03(?:\d{1,2}(?:,\d{1,2})?)?|\x04(?:[0-9a-fA-F]{6})?"
)
"""Bold, reset, monospace, reverse, italic, strike, underline, colour by number or hexadecimal."""
_FOLD = str.maketrans("{}|^", "[]\\~")


class Line(msgspec.Struct, frozen=True):
    """One message."""

    source: str
    """Who says it: `nick!user@host`, a server's name, or nothing."""
    command: str
    """In capitals, or three digits."""
    words: tuple[str, ...]
    tags: tuple[tuple[str, str], ...] = ()

    def word(self, at: int) -> str:
        """Return the parameter at *at*, or ''."""
        return self.words[at] if at < len(self.words) else ""

    def tag(self, name: str) -> str:
        """Return the value of a tag, or ''. Of several with one name the last counts."""
        if not self.tags:
            return ""
        return next((value for known, value in reversed(self.tags) if known == name), "")

    @property
    def last(self) -> str:
        """The last parameter, or ''."""
        return self.words[-1] if self.words else ""

    @property
    def nick(self) -> str:
        """The name of the person who says it; a server's name where a server does."""
        return self.source.partition("!")[0].partition("@")[0]

    @property
    def host(self) -> str:
        """The host that is told of that person, or ''."""
        return self.source.rpartition("@")[2] if "@" in self.source else ""

    @property
    def server(self) -> bool:
        """Whether a server says it: names of people have no dots."""
        return not self.source or ("!" not in self.source and "." in self.source)


def read(raw: bytes) -> Line:
    """Return the message in a line without its end. Raises WireError where it is none."""
    rest = raw.lstrip(b" ")
    tags = source = b""
    if rest[:1] == b"@":
        tags, rest = _marked(rest, _TAGS)
    if rest[:1] == b":":
        source, rest = _marked(rest, _SOURCE)
    command, space, words = rest.partition(b" ")
    numeric = len(command) == len("001") and command.isdigit()
    if not (numeric or (command.isalpha() and len(command) <= _COMMAND)) or b"\0" in words:
        raise WireError("not a line of IRC")
    return Line(
        utf8(source),
        command.decode().upper(),
        _words(utf8(space + words)),
        _tags(tags) if tags else (),
    )


def _marked(line: bytes, most: int) -> tuple[bytes, bytes]:
    """Return what stands between the mark at the beginning and the next space, and what follows.
    Raises WireError where that is no such word.
    """
    word, space, rest = line[1:].partition(b" ")
    if not space or not 0 < len(word) <= most or word.translate(None, b"\0\r\n") != word:
        raise WireError("not a line of IRC")
    return word, rest.lstrip(b" ")


def take(buffer: bytearray) -> bytes | None:
    """Cut one line off *buffer*, without its end; None means "need more". It ends at a carriage
    return or a line feed, as RFC 1459 §8 says and ngIRCd does it; where the two do not come at once
    an empty line stands between them.

    Raises WireError, and drops them, if there is none within LONGEST bytes.
    """
    end = buffer.find(b"\n", 0, LONGEST)
    stop = end + 1
    at = buffer.find(b"\r", 0, LONGEST if end < 0 else end)
    if at >= 0:
        stop = stop if at == end - 1 else at + 1
        end = at
    if end < 0:
        if len(buffer) < LONGEST:
            return None
        del buffer[:LONGEST]
        raise WireError(f"no end of a line within {LONGEST} bytes")
    line = bytes(buffer[:end])
    del buffer[:stop]
    return line


def fold(name: str) -> str:
    """Return a name as names are compared: without case, which {}|^ are a matter of too."""
    return name.lower().translate(_FOLD)


def plain(text: str) -> str:
    """Return *text* without the codes for colour and type."""
    return _CODES.sub("", text)


def _words(rest: str) -> tuple[str, ...]:
    head, colon, tail = rest.partition(" :")
    words = head.split(" ")
    found = [word for word in words if word][: PARAMETERS - 1]
    return (*found, tail) if colon else tuple(found)


def _tags(raw: bytes) -> tuple[tuple[str, str], ...]:
    pairs = (pair.partition("=") for pair in utf8(raw).split(";")[:64])
    return tuple((name, value) for name, _, value in pairs)
