"""The host names a first payload tells, in plain Python: the twin of `names`.

    TLS    ClientHello: server_name (RFC 6066 §3), the outer one where ECH hides another
    DNS    names of questions and answers (RFC 1035 §4), over UDP, or TCP with its length
    HTTP   Host (RFC 9112 §3.2)

None means that the payload ended before it could tell.
"""

import re

MAX_RECORDS = 32
"""Questions and answers of one DNS message that are looked at."""
MAX_POINTERS = 16
_COUNT = 6
"""Where DNS over TCP counts its questions, fewer than 256. No text has a zero there."""
_HOST = re.compile(rb"\nhost[ \t]*:[ \t]*([^\r\n]*)([\r\n]?)", re.IGNORECASE)


def host(transport: str, payload: bytes) -> list[bytes] | None:
    """Return the names *payload* tells; None where it ends too early to say."""
    if transport == "udp":
        return _dns(payload, whole=True)
    if transport != "tcp":
        return []
    if payload[0] == 0x16 and payload[1:2] in b"\3":
        return _tls(payload)
    if payload[_COUNT : _COUNT + 1] == b"\0":  # no text, though the length of DNS may look like it
        return _dns(payload[2:], whole=False)
    request = payload.lstrip(b"\r\n")  # as servers do
    if not request:
        return None
    if 0x41 <= request[0] <= 0x5A:
        return _http(request)
    return _dns(payload[2:], whole=False)


class _Early(Exception):  # noqa: N818 - a verdict
    """The payload ends before what was looked for."""


class _Bad(Exception):  # noqa: N818 - a verdict
    """The payload is not what it seemed to be."""


class _Bytes:
    """Reads on through *data*, which *limit* may cut shorter than the message."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        if len(self.data) - self.at < size:
            raise _Early
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))


def _tls(payload: bytes) -> list[bytes] | None:
    """A ClientHello may lie in several records; their headers are taken out first."""
    try:
        hello = _Bytes(_records(payload))
        if hello.number(1) != 1:
            return []
        end = hello.number(3) + 4
        hello.take(34)
        hello.take(hello.number(1))
        hello.take(hello.number(2))
        hello.take(hello.number(1))
        if hello.at >= end:
            return []
        end = min(end, hello.number(2) + hello.at)
        while hello.at < end:
            kind, size = hello.number(2), hello.number(2)
            if kind == 0:
                body = _Bytes(hello.take(size))
                return _server_name(body)
            hello.take(size)
    except _Early:
        return None
    return []


def _records(payload: bytes) -> bytes:
    out, at = b"", 0
    while at + 5 <= len(payload):
        if payload[at] != 0x16:
            break
        size = int.from_bytes(payload[at + 3 : at + 5])
        out += payload[at + 5 : at + 5 + size]
        at += 5 + size
    return out


def _server_name(body: _Bytes) -> list[bytes]:
    try:
        body.take(2)
        if body.number(1) != 0:
            return []
        return [body.take(body.number(2))]
    except _Early:
        return []


def _http(payload: bytes) -> list[bytes] | None:
    found = _HOST.search(payload)
    end = payload.find(b"\r\n\r\n")
    if found is None or 0 <= end < found.start():
        return None if end < 0 else []
    if not found[2]:
        return None
    name = found[1].rstrip(b" \t")
    return [re.sub(rb":\d*$", b"", name)]


def _dns(data: bytes, *, whole: bool) -> list[bytes] | None:
    """*whole*: what is missing will not come, as in a datagram."""
    message, names = _Bytes(data), list[bytes]()
    try:
        message.take(4)
        questions, answers = message.number(2), message.number(2)
        message.take(4)
        for number in range(min(questions + answers, MAX_RECORDS)):
            names.append(_name(message))
            message.take(4)
            if number >= questions:
                message.take(4)
                message.take(message.number(2))
    except _Early:
        return names if whole or names else None
    except _Bad:
        return names
    return names


def _name(message: _Bytes) -> bytes:
    """Read a name, following pointers backwards only."""
    labels, at, jumps, size = list[bytes](), message.at, 0, 0
    while True:
        if at >= len(message.data):
            raise _Early
        length = message.data[at]
        if length >= 0xC0:
            if at + 2 > len(message.data):
                raise _Early
            if not jumps:
                message.at = at + 2
            target = (length & 0x3F) << 8 | message.data[at + 1]
            jumps += 1
            if target >= at or jumps > MAX_POINTERS:
                raise _Bad
            at = target
        elif length >= 0x40:
            raise _Bad
        elif length == 0:
            if not jumps:
                message.at = at + 1
            return b".".join(labels)
        else:
            if at + 1 + length > len(message.data):
                raise _Early
            size += length + 1
            if size > 255:
                raise _Bad
            labels.append(message.data[at + 1 : at + 1 + length])
            at += 1 + length
