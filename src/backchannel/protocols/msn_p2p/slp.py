"""MSNSLP: the SIP-like text by which two clients agree on a transfer or a direct connection.

INVITE MSNMSGR:bob@example.com MSNSLP/1.0   or   MSNSLP/1.0 200 OK
header lines, an empty line, and a body of header lines again, often closed by a NUL
"""

import re

import msgspec

from backchannel.patterns import later
from backchannel.protocols.msnp.names import account
from backchannel.text import decode

LIMIT = 65536
"""Of one message; a context with a preview picture is some 20 KiB."""
MAX_FIELDS = 64
_REQUEST = later(r"([A-Z]{3,10}) MSNMSGR:(\S{1,400}) MSNSLP/1\.\d", re.IGNORECASE)
_STATUS = later(r"MSNSLP/1\.\d (\d{3}) ?(.{0,80})")
_BRANCH = later(r"branch=(\{?[0-9A-Fa-f-]{36}\}?)")


class Message(msgspec.Struct, frozen=True):
    """One MSNSLP message. Names of headers and fields are lower case."""

    method: str
    """`INVITE`, `BYE`, `ACK`; '' in an answer."""
    code: int
    """Status of an answer, 0 in a request."""
    reason: str
    sender: str
    recipient: str
    call: str
    branch: str
    content: str
    """Content type, without `application/x-msnmsgr-`."""
    fields: dict[str, str]
    """Of the body."""

    def field(self, *names: str) -> str:
        """Return the first of these fields that is there, or ''."""
        return next((self.fields[name] for name in names if self.fields.get(name)), "")


LETTERS = b"AIBM"
"""With which MSNSLP begins."""


def starts(data: bytes) -> bool:
    """Whether *data* begins like MSNSLP."""
    return data.startswith((b"INVITE MSNMSGR:", b"MSNSLP/1.", b"BYE MSNMSGR:", b"ACK MSNMSGR:"))


def read(data: bytes) -> Message | None:
    """Read one message; None where *data* is no MSNSLP."""
    text = decode(data[:LIMIT].rstrip(b"\0"))
    line, _, rest = text.partition("\n")
    line = line.rstrip("\r")
    request, status = _REQUEST.fullmatch(line), _STATUS.fullmatch(line)
    if not request and not status:
        return None
    head, _, body = rest.replace("\r\n", "\n").partition("\n\n")
    headers = read_fields(head)
    branch = _BRANCH.search(headers.get("via", ""))
    return Message(
        method=request[1].upper() if request else "",
        code=int(status[1]) if status else 0,
        reason=status[2] if status else "",
        sender=account(headers.get("from", "")),
        recipient=account(headers.get("to", "") or (request[2] if request else "")),
        call=headers.get("call-id", "").strip("{}").upper(),
        branch=branch[1].strip("{}").upper() if branch else "",
        content=headers.get("content-type", "").removeprefix("application/x-msnmsgr-"),
        fields=read_fields(body),
    )


def read_fields(text: str) -> dict[str, str]:
    """Read `Name: value` lines, at most MAX_FIELDS; the first of equal names counts."""
    fields: dict[str, str] = {}
    for line in text.split("\n", MAX_FIELDS)[:MAX_FIELDS]:
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return fields
