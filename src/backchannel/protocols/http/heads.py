"""HTTP/1.x message heads: start line and header fields. Bytes in, values out.

    request   METHOD SP target SP HTTP/d.d CRLF  *(name ":" value CRLF)  CRLF
    answer    HTTP/d.d SP status [SP reason] CRLF  *(name ":" value CRLF)  CRLF

RFC 9112 §2-§5, read leniently where old software is: a bare LF ends a line, a target may hold
spaces (file names of peer-to-peer programs), folded header lines are joined (§5.2), a reason may be
missing. HTTP/0.9, which has no version in its request, is not HTTP here. Nothing is remembered.
"""

import re

import msgspec

from backchannel.reader import WireError

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_REQUEST = re.compile(rb"(" + _TOKEN + rb"{1,24}) +(\S|\S.*\S) +HTTP/(\d\.\d)[ \t]*\r?")
_ANSWER = re.compile(rb"HTTP/(\d\.\d)[ \t]+(\d{3})(?:[ \t](.*))?\r?")
_REQUEST_OPENING = re.compile(_TOKEN + rb"{1,24}(?:\Z| )")
OPENING = 32
"""Bytes of an unfinished start line that are looked at."""
_NAME = re.compile(_TOKEN.decode() + "+")
_BLANK, _BLANKS = " \t\r", ("", " ", "\t")
_RANGE = re.compile(r"bytes[ =]*(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_WANTED = re.compile(r"bytes\s*=\s*(\d{0,18})-(\d{0,18})")


class Head(msgspec.Struct, frozen=True):
    """The start line and header fields of one message."""

    request: bool
    version: str = "1.1"
    """`1.0`, `1.1`."""
    method: str = ""
    """For an answer: of the request it answers; empty where that was not seen."""
    target: str = ""
    """As sent, in Latin-1. For an answer: of the request it answers; empty if not seen."""
    status: int = 0
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """(name in lower case, value in Latin-1 without surrounding blanks), in order of sending."""
    raw: bytes = b""
    """The head exactly as sent, with the empty line that ends it."""
    faults: tuple[str, ...] = ()
    """What is wrong with header lines that were passed over."""

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of *name* (lower case)."""
        return next((value for key, value in self.headers if key == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of *name* (lower case)."""
        return tuple(value for key, value in self.headers if key == name)

    def tokens(self, name: str) -> list[str]:
        """Return the elements of the comma-separated list *name*, in lower case."""
        found: list[str] = []
        for key, value in self.headers:
            if key == name:
                found += [part.strip() for part in value.lower().split(",") if part.strip()]
        return found

    @property
    def length(self) -> int | None:
        """The declared Content-Length; None where there is none, or none that can be read."""
        value = self.get("content-length")
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None

    @property
    def content_range(self) -> tuple[int, int, int | None] | None:
        """(first, last, total size or None) of the bytes that a 206 answer or an upload holds."""
        if (found := _RANGE.match(self.get("content-range").strip().lower())) is None:
            return None
        first, last, total = found.groups()
        return int(first), int(last), None if total == "*" else int(total)

    @property
    def wanted_range(self) -> tuple[int, int | None] | None:
        """(first, last or None for the end) of the first byte range asked for.

        None where no range is asked for, or only a suffix, whose place nobody can know.
        """
        found = _WANTED.match(self.get("range").lower())
        if found is None or not found[1]:
            return None
        return int(found[1]), int(found[2]) if found[2] else None


def opens(data: bytes | bytearray, *, request: bool) -> bool:
    """Whether *data* can be the beginning of a request, or of an answer. Empty data can."""
    line, newline, _ = data.partition(b"\n")
    if newline:
        return (_REQUEST if request else _ANSWER).fullmatch(line) is not None
    if request:
        return not data or _REQUEST_OPENING.match(data[:OPENING]) is not None
    return data[:5] == b"HTTP/"[: len(data)]


def read_head(block: bytes, asked: tuple[str, str] | None) -> Head:
    """Return the head that *block*, up to and with its empty line, spells.

    *asked* is None for a request; for an answer it is (method, target) of its request. Raises
    WireError when the start line is neither.
    """
    headers, faults = _fields(block)
    line = block[: block.find(b"\n")]
    if asked is None:
        if (found := _REQUEST.fullmatch(line)) is None:
            raise WireError("not an HTTP request line")
        method, target, version = (part.decode("latin-1") for part in found.groups())
        return Head(True, version, method, target, headers=headers, raw=block, faults=faults)
    if (found := _ANSWER.fullmatch(line)) is None:
        raise WireError("not an HTTP status line")
    version, status, reason = ((part or b"").decode("latin-1") for part in found.groups())
    return Head(False, version, *asked, int(status), reason.strip(), headers, block, faults)


def _fields(block: bytes) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return the header fields of a head, and what was wrong with its lines."""
    found: list[tuple[str, str]] = []
    faults: dict[str, None] = {}
    for line in block.decode("latin-1").split("\n")[1:]:
        key, colon, value = line.partition(":")
        if line[:1] in _BLANKS:
            if line and found:  # RFC 9112 §5.2: a folded line goes on with the one before
                name, begun = found[-1]
                found[-1] = name, f"{begun} {line.strip(_BLANK)}".strip(_BLANK)
            continue
        name = key.rstrip(_BLANK)
        if not colon or _NAME.fullmatch(name) is None:
            if line != "\r":
                faults["header line without a name"] = None
            continue
        if name != key:
            faults["blank before the colon of a header"] = None
        found.append((name.lower(), value.strip(_BLANK)))
    return tuple(found), tuple(faults)
