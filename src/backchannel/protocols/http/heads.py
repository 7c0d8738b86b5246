"""HTTP/1.x message heads: start line and header fields. Bytes in, values out.

    request   METHOD SP target SP HTTP/d.d CRLF  *(name ":" value CRLF)  CRLF
    answer    HTTP/d.d SP status [SP reason] CRLF  *(name ":" value CRLF)  CRLF

RFC 9112 §2-§5, read leniently where old software is: a bare LF ends a line, a target may hold
spaces (file names of peer-to-peer programs), folded header lines are joined (§5.2), a reason may be
missing. HTTP/0.9, which has no version in its request, is not HTTP here. Nothing is remembered.
"""

import re

from backchannel.reader import WireError

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_ANSWER = re.compile(rb"HTTP/(\d\.\d)[ \t]+(\d{3})(?:[ \t](.*))?\r?")
_REQUEST_OPENING = re.compile(_TOKEN + rb"{1,24}(?:\Z| )")
OPENING = 32
"""Bytes of an unfinished start line that are looked at."""
_IN_TOKEN = bytes(re.match(_TOKEN, bytes([byte])) is not None for byte in range(256))
"""1 for bytes of a token."""
_COLON, _CR, _LF, _SPACE = b":\r\n "
_BLANKS = b" \t\r\f\v"
_VERSION, _VERSION_SIZE = re.compile(rb"HTTP/\d\.\d"), 8
_LONGEST_METHOD = 24
_BLANK = " \t\r"
_RANGE = re.compile(r"bytes[ =]*(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_WANTED = re.compile(r"bytes\s*=\s*(\d{0,18})-(\d{0,18})")


class Head:
    """The start line and header fields of one message."""

    __slots__ = (
        "faults",
        "headers",
        "method",
        "raw",
        "reason",
        "request",
        "status",
        "target",
        "version",
    )

    def __init__(
        self,
        version: str,
        method: str,
        target: str,
        raw: bytes,
        answer: tuple[int, str] | None = None,
    ) -> None:
        """*method* and *target* of an answer are its request's, and empty if that was not seen;
        *raw* is the head exactly as sent, with the empty line that ends it; *answer* is (status,
        reason), None for a request.
        """
        self.request = answer is None
        self.version = version
        """`1.0`, `1.1`."""
        self.method = method
        self.target = target
        """As sent, in Latin-1."""
        self.status, self.reason = answer or (0, "")
        self.raw = raw
        self.headers, self.faults = _fields(raw)
        """(name in lower case, value in Latin-1 without surrounding blanks), in order of sending;
        and what is wrong with header lines that were passed over.
        """

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Head):
            return NotImplemented
        return (self.request, self.method, self.target, self.raw) == (
            other.request,
            other.method,
            other.target,
            other.raw,
        )

    def __hash__(self) -> int:
        return hash(self.raw)

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of *name* (lower case)."""
        for key, value in self.headers:
            if key == name:
                return value
        return default

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of *name* (lower case)."""
        return tuple([value for key, value in self.headers if key == name])

    def starting(self, prefix: str) -> bool:
        """Whether there is a header whose name starts with *prefix* (lower case)."""
        for key, _ in self.headers:  # noqa: SIM110 - a generator costs more than all of it
            if key.startswith(prefix):
                return True
        return False

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


def opens(data: bytes | bytearray, request: bool) -> bool:
    """Whether *data* can be the beginning of a request, or of an answer. Empty data can."""
    newline = data.find(b"\n")
    if newline >= 0:
        line = bytes(data[:newline])
        return (_request_line(line) if request else _ANSWER.fullmatch(line)) is not None
    if request:
        return not data or _REQUEST_OPENING.match(data[:OPENING]) is not None
    return data[:5] == b"HTTP/"[: len(data)]


def end_of_head(data: bytes, limit: int) -> int:
    """Return where the head in *data* ends, behind its empty line; -1 where it has not ended within
    *limit* bytes.
    """
    octets, stop = data, min(len(data), limit) - 1
    for at in range(stop):
        if octets[at] != _LF:
            continue
        if octets[at + 1] == _LF:
            return at + 2
        if octets[at + 1] == _CR and at + 2 <= stop and octets[at + 2] == _LF:
            return at + 3
    return -1


def read_head(block: bytes, asked: tuple[str, str] | None) -> Head:
    """Return the head that *block*, up to and with its empty line, spells.

    *asked* is None for a request; for an answer it is (method, target) of its request. Raises
    WireError when the start line is neither.
    """
    line = block[: block.find(b"\n")]
    if asked is None:
        if (parts := _request_line(line)) is None:
            raise WireError("not an HTTP request line")
        method, target, version = parts
        return Head(version, method, target, block)
    if (found := _ANSWER.fullmatch(line)) is None:
        raise WireError("not an HTTP status line")
    reason = (found[3] or b"").decode("latin-1").strip()
    return Head(found[1].decode(), asked[0], asked[1], block, (int(found[2]), reason))


def _request_line(line: bytes) -> tuple[str, str, str] | None:
    """Return (method, target, version) of a request line, without its line feed; else None."""
    data, token, end = line, _IN_TOKEN, len(line)
    if end and data[end - 1] == _CR:
        end -= 1
    while end and data[end - 1] in b" \t":
        end -= 1
    end -= _VERSION_SIZE
    if end < 1 or _VERSION.fullmatch(line, end, end + _VERSION_SIZE) is None:
        return None
    stop, method = end, 0
    while stop and data[stop - 1] == _SPACE:
        stop -= 1
    while method < stop and token[data[method]]:
        method += 1
    start = method
    while start < stop and data[start] == _SPACE:
        start += 1
    if not 0 < method <= _LONGEST_METHOD or start == method or stop in (start, end):
        return None
    if data[start] in _BLANKS or data[stop - 1] in _BLANKS:
        return None
    version = line[end + 5 : end + 8].decode("latin-1")
    return line[:method].decode("latin-1"), line[start:stop].decode("latin-1"), version


def _fields(block: bytes) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return the header fields of a head, and what was wrong with its lines."""
    found: list[tuple[str, str]] = []
    faults: dict[str, None] = {}
    data, token = block, _IN_TOKEN
    at, size = block.find(b"\n") + 1, len(block)
    begin, lower = at, block[at:].lower()
    while at < size:
        end = block.find(b"\n", at)
        end = size if end < 0 else end
        stop = at
        while stop < end and token[data[stop]]:
            stop += 1
        colon = stop
        while colon < end and data[colon] in b" \t\r":
            colon += 1
        if stop > at and colon < end and data[colon] == _COLON:
            if colon > stop:
                faults["blank before the colon of a header"] = None
            name = lower[at - begin : stop - begin].decode("latin-1")
            found.append((name, _value(block, colon + 1, end)))
        elif end > at and data[at] in b" \t":
            if found:  # RFC 9112 §5.2: a folded line goes on with the one before
                name, begun = found[-1]
                found[-1] = name, f"{begun} {_value(block, at, end)}".strip(_BLANK)
        elif end > at and block[at:end] != b"\r":
            faults["header line without a name"] = None
        at = end + 1
    return tuple(found), tuple(faults)


def _value(block: bytes, start: int, end: int) -> str:
    """Return that part of *block* as text, without blanks around it."""
    data = block
    while start < end and data[start] in b" \t\r":
        start += 1
    while start < end and data[end - 1] in b" \t\r":
        end -= 1
    return block[start:end].decode("latin-1")
