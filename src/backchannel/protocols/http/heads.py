"""HTTP/1.x message heads: start line and header fields. Bytes in, values out.

    request   METHOD SP target SP HTTP/d.d CRLF  *(name ":" value CRLF)  CRLF
    answer    HTTP/d.d SP status [SP reason] CRLF  *(name ":" value CRLF)  CRLF

RFC 9112 §2-§5, read leniently where other software is: a bare LF ends a line, a target may hold
spaces (file names of peer-to-peer programs), tabs part as spaces do, a method may be in small
letters, some or all, folded header lines are joined (§5.2), a reason may be missing.
HTTP/0.9, which has no version in its request, is not HTTP here. Nothing is remembered.
"""

import re

from backchannel.protocols.http.fields import natural
from backchannel.reader import WireError

_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The bytes of a token."""
_REQUEST_OPENING = re.compile(rb"[" + re.escape(_TOKEN) + rb"]{1,24}(?:\Z|[ \t])")
OPENING = 32
"""Bytes of an unfinished start line that are looked at."""
_IN_TOKEN = bytes([byte in _TOKEN for byte in range(256)])
"""1 for bytes of a token."""
_LOWER = bytes(range(256)).lower()
_COLON, _CR, _LF, _POINT, _ZERO, _NINE = b":\r\n.09"
_H, _T, _P, _SLASH = b"HTP/"
_BLANKS = b" \t\r\f\v"
_VERSION_SIZE = len("HTTP/1.1")
_LONGEST_METHOD = 24
_ESTABLISHED = "connection established"
_RANGE = re.compile(r"bytes[ =]*(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_WANTED = re.compile(r"bytes(?:\s*=\s*|\s+)(\d{0,18})-(\d{0,18})")
"""Early BearShare leaves out the `=` (LimeWire's RangeHeaderInterceptor)."""


class Head:
    """The start line and header fields of one message. `read_head` makes it."""

    __slots__ = (
        "_fields",
        "faults",
        "method",
        "raw",
        "reason",
        "request",
        "status",
        "target",
        "version",
    )
    request: bool
    version: str
    """`1.0`, `1.1`."""
    method: str
    target: str
    """As sent, in Latin-1. An answer has both from its request; empty if that was not seen."""
    status: int
    """0 of a request."""
    reason: str
    raw: bytes
    """Exactly as sent, with the empty line that ends it."""
    faults: tuple[str, ...]
    """What is wrong with header lines, most of which were passed over."""
    _fields: list[bytes]
    """The lines of header fields. They become text when asked for, because few are."""

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

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """(name in lower case, value in Latin-1 without surrounding blanks), in order sent."""
        return tuple([(_name(line), _value(line)) for line in self._fields])

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of *name* (lower case)."""
        for line in self._fields:
            if _called(line, name, True):
                return _value(line)
        return default

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of *name* (lower case)."""
        return tuple([_value(line) for line in self._fields if _called(line, name, True)])

    def starting(self, prefix: str) -> bool:
        """Whether there is a header whose name starts with *prefix* (lower case)."""
        for line in self._fields:  # noqa: SIM110 - a generator costs more than all of it
            if _called(line, prefix, False):
                return True
        return False

    def tokens(self, name: str) -> list[str]:
        """Return the elements of the comma-separated list *name*, in lower case."""
        found: list[str] = []
        for line in self._fields:
            if _called(line, name, True):
                found += [part.strip() for part in _value(line).lower().split(",") if part.strip()]
        return found

    @property
    def length(self) -> int | None:
        """The declared Content-Length; None where there is none, or none that can be read."""
        return natural(self.get("content-length"))

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


def opens(data: bytes, request: bool) -> bool:
    """Whether *data* can be the beginning of a request, or of an answer. Empty data can."""
    end = data.find(b"\n")
    if end >= 0:
        return is_start_line(data, end, request)
    if request:
        return not data or _REQUEST_OPENING.match(data[:OPENING]) is not None
    return data[:5] == b"HTTP/"[: len(data)]


def is_start_line(block: bytes, end: int, request: bool) -> bool:
    """Whether the line whose line feed is at *end* begins a request, or an answer."""
    return _request_line(block, end) is not None if request else _status(block, end) > 0


def end_of_head(data: bytes, start: int, limit: int) -> int:
    """Return where the head in *data* ends, behind its empty line; -1 where it has not ended within
    *limit* bytes. No line ends before *start*.
    """
    octets, stop = data, min(len(data), limit) - 1
    for at in range(start, stop):
        if octets[at] != _LF:
            continue
        if octets[at + 1] == _LF:
            return at + 2
        if octets[at + 1] == _CR and at + 2 <= stop and octets[at + 2] == _LF:
            return at + 3
    return -1


def read_head(block: bytes, asked: tuple[str, str] | None, end: int = -1) -> Head:
    """Return the head that *block*, up to and with its empty line, spells.

    *asked* is None for a request; for an answer it is (method, target) of its request. *end*: where
    the first line feed is, if that is known. Raises WireError when the start line is neither.
    """
    data = block
    if end < 0:
        end = block.find(b"\n")
    head = Head.__new__(Head)
    head.raw, head.request = block, asked is None
    if asked is None:
        if (parts := _request_line(block, end)) is None:
            raise WireError("not an HTTP request line")
        method, start, stop, version = parts
        head.method = _text(block, 0, method).upper()  # proxies take methods in any letters
        head.target = _text(block, start, stop)
        head.version = _text(block, version + 5, version + _VERSION_SIZE)
        head.status, head.reason = 0, ""
    else:
        if (status := _status(block, end)) < 0:
            raise WireError("not an HTTP status line")
        head.method, head.target = asked
        head.version = _text(block, 5, _VERSION_SIZE)
        hundreds, tens, ones = data[status], data[status + 1], data[status + 2]
        head.status = 100 * hundreds + 10 * tens + ones - 111 * _ZERO
        head.reason = block[status + 4 : end].decode("latin-1").strip()
    head._fields, head.faults = _fields(block, end + 1)
    return head


def may_leave_http(head: Head) -> bool:
    """Whether the answer to this request decides what the client sends behind it."""
    return head.method == "CONNECT" or bool(head.get("upgrade"))


def leaves_http(head: Head) -> bool:
    """Whether an answer ends HTTP/1 on this connection."""
    if head.status == 101:
        return True
    if head.method == "CONNECT":
        return 200 <= head.status < 300
    # Amid a stream the request was not seen; proxies give this reason to a CONNECT alone.
    return not head.method and head.status == 200 and _ESTABLISHED in head.reason.lower()


def _is_version(line: bytes, at: int) -> bool:
    """Whether a version, such as `HTTP/1.1`, is at *at*; *line* is long enough for one."""
    data = line
    return (
        data[at] == _H
        and data[at + 1] == _T
        and data[at + 2] == _T
        and data[at + 3] == _P
        and data[at + 4] == _SLASH
        and _ZERO <= data[at + 5] <= _NINE
        and data[at + 6] == _POINT
        and _ZERO <= data[at + 7] <= _NINE
    )


def _status(block: bytes, end: int) -> int:
    """Return where the status code is in an answer's line, which ends at *end*; -1 if in none."""
    data, at = block, _VERSION_SIZE
    if end < at or not _is_version(block, 0):
        return -1
    while at < end and data[at] in b" \t":
        at += 1
    if at == _VERSION_SIZE or end - at < 3:
        return -1
    for digit in range(at, at + 3):
        if not _ZERO <= data[digit] <= _NINE:
            return -1
    behind = at + 3
    whole = behind == end or data[behind] in b" \t" or (data[behind] == _CR and behind + 1 == end)
    return at if whole else -1


def _request_line(block: bytes, end: int) -> tuple[int, int, int, int] | None:
    """Return where in a request's line, which ends at *end*, the method ends, the target begins and
    ends, and the version begins; else None.
    """
    data, token = block, _IN_TOKEN
    if end > 0 and data[end - 1] == _CR:
        end -= 1
    while end > 0 and data[end - 1] in b" \t":
        end -= 1
    end -= _VERSION_SIZE
    if end < 1 or not _is_version(block, end):
        return None
    stop, method = end, 0
    while stop and data[stop - 1] in b" \t":
        stop -= 1
    while method < stop and token[data[method]]:
        method += 1
    start = method
    while start < stop and data[start] in b" \t":
        start += 1
    if not 0 < method <= _LONGEST_METHOD or start == method or stop in (start, end):
        return None
    if data[start] in _BLANKS or data[stop - 1] in _BLANKS:
        return None
    return method, start, stop, end


def _fields(block: bytes, at: int) -> tuple[list[bytes], tuple[str, ...]]:
    """Return the lines behind *at* that are header fields, and what was wrong with others."""
    data, size = block, len(block)
    found: list[bytes] = []
    faults: dict[str, None] = {}
    while at < size:
        end = at
        while end < size and data[end] != _LF:
            end += 1
        colon = _colon(block, at, end)
        if colon >= 0:
            if data[colon - 1] in b" \t\r":
                faults["blank before the colon of a header"] = None
            found.append(data[at:end])
        elif end > at and data[at] in b" \t":
            if found:  # RFC 9112 §5.2: a folded line goes on with the one before
                found[-1] = found[-1].rstrip(b" \t\r") + b" " + block[at:end].strip(b" \t\r")
        elif end > at + 1 or (end > at and data[at] != _CR):
            faults["header line without a name"] = None
        at = end + 1
    return found, tuple(faults) if faults else ()


def _colon(block: bytes, start: int, end: int) -> int:
    """Return where the colon behind the name of a header field is, in the line from *start* to
    *end*; -1 in what is none.
    """
    data, token, at = block, _IN_TOKEN, start
    while at < end and token[data[at]]:
        at += 1
    if at == start:
        return -1
    while at < end and data[at] in b" \t\r":
        at += 1
    return at if at < end and data[at] == _COLON else -1


def _called(line: bytes, name: str, whole: bool) -> bool:
    """Whether the *whole* name of a header field, or its beginning, is *name* (lower case)."""
    data, lower, token, size = line, _LOWER, _IN_TOKEN, len(name)
    if size >= len(line) or (whole and token[data[size]]):
        return False
    for at in range(size):  # noqa: SIM110 - a generator costs more than all of it
        if lower[data[at]] != ord(name[at]):
            return False
    return True


def _name(line: bytes) -> str:
    """Return the name of a header field, in lower case."""
    return _text(line, 0, _colon(line, 0, len(line))).lower()


def _value(line: bytes) -> str:
    """Return the value of a header field."""
    return _text(line, _colon(line, 0, len(line)) + 1, len(line))


def _text(line: bytes, start: int, end: int) -> str:
    """Return that part of *line* as text, without blanks around it."""
    data = line
    while start < end and data[start] in b" \t\r":
        start += 1
    while start < end and data[end - 1] in b" \t\r":
        end -= 1
    return data[start:end].decode("latin-1")
