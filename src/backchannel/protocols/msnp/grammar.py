"""What MSNP's lines look like, strictly: for recognition, and to find the next one after a gap.

Each shape says which side sends it and how much it proves. An account with its `@`, a state, an
endpoint or a MIME header where MSNP has them is what no IRC, SMTP, POP3, FTP or NATS line has.
"""

import re
from typing import Literal

import msgspec

from backchannel.model import Side
from backchannel.patterns import later

Direction = Literal["client", "server", "either"]

_HOST = rb"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?"
_MAIL = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@" + _HOST
_GUID = rb"\{?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?"
_ACCOUNT = (
    rb"(?:\d{1,2}:)?(?:" + _MAIL + rb"|tel:\+?\d{3,20})(?:;via=[^ ;]{1,120})?(?:;" + _GUID + rb")?"
)
_TRID = rb"\d{1,10}"
_STATE = rb"(?:NLN|HDN|BSY|IDL|BRB|AWY|PHN|LUN)"
_ENDPOINT = rb"[A-Za-z0-9.-]{1,253}:\d{1,5}"
_WORD = rb"[^ \r\n]{1,4096}"
_REST = rb"(?: [^ \r\n]{0,8192}){0,9}"
_LISTS = rb"(?:FL|AL|BL|RL|PL)"
_MIME = rb"(?=\r\n(?i:MIME-Version): ?1\.0\r\n)"


class Shape(msgspec.Struct, frozen=True):
    """One kind of line."""

    direction: Direction
    weight: int
    """What it proves: 4 is enough alone, 2 with another line, 1 is common elsewhere too."""
    pattern: re.Pattern[bytes]


_RAW: tuple[tuple[str, Direction, int, bytes], ...] = (
    ("VER", "client", 4, rb" " + _TRID + rb"(?: MSN[PC]\d{1,2})+ CVR\d(?: [A-Z0-9]{1,8})*"),
    ("VER", "either", 4, rb" " + _TRID + rb"(?: MSNP\d{1,2})+"),
    ("USR", "client", 4, rb" " + _TRID + rb" (?:MD5|TWN|SSO) I " + _WORD + _REST),
    ("USR", "client", 4, rb" " + _TRID + rb" SHA A [A-Za-z0-9+/=]{1,8192}"),
    ("USR", "either", 4, rb" " + _TRID + rb" (?:MD5|TWN|SSO) S " + _WORD + _REST),
    ("USR", "server", 4, rb" " + _TRID + rb" OK " + _ACCOUNT + _REST),
    ("USR", "client", 4, rb" " + _TRID + rb" " + _ACCOUNT + rb" " + _WORD),
    ("ANS", "client", 4, rb" " + _TRID + rb" " + _ACCOUNT + rb" " + _WORD + rb" " + _WORD),
    ("ANS", "server", 2, rb" " + _TRID + rb" OK"),
    ("CVR", "client", 4, rb" " + _TRID + rb" 0x[0-9A-Fa-f]{4}(?: [^ \r\n]{1,100}){4,9}"),
    ("CVR", "server", 4, rb" " + _TRID + rb"(?: [0-9.]{3,20}){3} [a-z]{3,5}://" + _WORD + _REST),
    ("XFR", "server", 4, rb" " + _TRID + rb" (?:NS|SB) " + _ENDPOINT + _REST),
    ("XFR", "client", 2, rb" " + _TRID + rb" SB"),
    (
        "RNG",
        "server",
        4,
        rb" " + _WORD + rb" " + _ENDPOINT + rb" CKI " + _WORD + rb" " + _ACCOUNT + _REST,
    ),
    ("CAL", "client", 2, rb" " + _TRID + rb" " + _ACCOUNT),
    ("CAL", "server", 4, rb" " + _TRID + rb" RINGING " + _WORD),
    ("JOI", "server", 2, rb" " + _ACCOUNT + rb" " + _WORD + _REST),
    ("IRO", "server", 4, rb" " + _TRID + rb" \d{1,3} \d{1,3} " + _ACCOUNT + rb" " + _WORD + _REST),
    ("BYE", "server", 2, rb" " + _ACCOUNT + rb"(?: \d)?"),
    ("MSG", "client", 4, rb" " + _TRID + rb" [UNADS] \d{1,6}" + _MIME),
    ("MSG", "server", 4, rb" (?:" + _ACCOUNT + rb"|Hotmail) " + _WORD + rb" \d{1,6}" + _MIME),
    (
        "CHG",
        "either",
        2,
        rb" " + _TRID + rb" " + _STATE + rb"(?: [0-9:x]{1,30})?(?: [^ \r\n]{1,2048})?",
    ),
    ("NLN", "server", 4, rb" " + _STATE + rb" " + _ACCOUNT + rb" " + _WORD + _REST),
    ("ILN", "server", 4, rb" " + _TRID + rb" " + _STATE + rb" " + _ACCOUNT + rb" " + _WORD + _REST),
    ("FLN", "server", 2, rb" " + _ACCOUNT + rb"(?: [0-9:]{1,24}){0,2}"),
    ("UBX", "server", 4, rb" " + _ACCOUNT + rb"(?: \d{1,2})? [1-9]\d{0,5}(?=\r\n<)"),
    ("UBX", "server", 2, rb" " + _ACCOUNT + rb"(?: \d{1,2})? 0"),
    ("UBN", "server", 4, rb" " + _ACCOUNT + rb" \d{1,3} \d{1,6}"),
    ("UUN", "client", 4, rb" " + _TRID + rb" " + _ACCOUNT + rb" \d{1,3} \d{1,6}"),
    ("UUX", "client", 4, rb" " + _TRID + rb" [1-9]\d{0,5}(?=\r\n<)"),
    ("ADL RML", "client", 4, rb" [1-9]\d{0,9} [1-9]\d{0,5}(?=\r\n<ml)"),
    ("ADL RML", "server", 4, rb" 0 [1-9]\d{0,5}(?=\r\n<ml)"),
    ("ADL RML", "server", 2, rb" " + _TRID + rb" OK"),
    ("FQY", "either", 4, rb" " + _TRID + rb" [1-9]\d{0,5}(?=\r\n<ml)"),
    ("QRY", "client", 2, rb" " + _TRID + rb" [!-~]{5,40} 32"),
    ("QRY", "server", 1, rb" " + _TRID),
    ("CHL", "server", 2, rb" 0 \d{10,40}"),
    ("QNG", "server", 3, rb" \d{1,4}"),
    ("PNG", "client", 1, rb""),
    ("ACK", "server", 1, rb" " + _TRID),
    ("SYN", "client", 1, rb" " + _TRID + rb"(?: [0-9T:.+-]{1,40}){1,2}"),
    ("LST", "server", 4, rb" " + _ACCOUNT + rb" " + _WORD + rb" \d{1,2}(?: [0-9,]{1,200})?"),
    ("LST", "server", 4, rb" N=" + _ACCOUNT + _REST),
    (
        "LST",
        "server",
        4,
        rb" " + _TRID + rb" " + _LISTS + rb" \d{1,10} \d{1,4} \d{1,4} " + _ACCOUNT + _REST,
    ),
    (
        "ADC ADD",
        "either",
        4,
        rb" " + _TRID + rb" " + _LISTS + rb" (?:\d{1,10} )?(?:N=)?" + _ACCOUNT + _REST,
    ),
    ("REM", "either", 4, rb" " + _TRID + rb" " + _LISTS + rb" (?:\d{1,10} )?" + _ACCOUNT + _REST),
    ("SDG", "either", 4, rb" " + _TRID + rb" \d{1,6}(?=\r\nRouting: )"),
    ("NFY", "server", 4, rb" (?:PUT|DEL) \d{1,6}(?=\r\nRouting: )"),
    ("PUT DEL", "client", 4, rb" " + _TRID + rb" \d{1,6}(?=\r\nRouting: )"),
    ("NOT", "server", 4, rb" \d{1,6}(?=\r\n<NOTIFICATION)"),
    ("GCF", "server", 4, rb" (?:0|" + _TRID + rb" [A-Za-z]{1,20}\.xml) \d{1,6}(?=\r\n<)"),
    ("SBS", "server", 2, rb" 0 null"),
)


def _pattern(names: str, tail: bytes) -> bytes:
    return rb"(?:" + names.replace(" ", "|").encode() + rb")" + tail


_BY_NAME: dict[bytes, list[Shape]] = {}
for _names, _direction, _weight, _tail in _RAW:
    _entry = Shape(_direction, _weight, later(_pattern(_names, _tail)))
    for _name in _names.encode().split():
        _BY_NAME.setdefault(_name, []).append(_entry)


def _finder(other: Direction) -> re.Pattern[bytes]:
    """Any line that proves something and that *other* does not send."""
    shapes = (_pattern(row[0], row[3]) for row in _RAW if row[1] != other and row[2] > 1)
    return later(rb"(?=[A-Z]{3} )(?:" + b"|".join(shapes) + rb")(?=\r\n)")


SEEK: dict[Side, re.Pattern[bytes]] = {
    Side.CLIENT: _finder("server"),
    Side.SERVER: _finder("client"),
}
"""Finds the next line that a side may send, amid other bytes."""


def judge(line: bytes, rest: bytes) -> tuple[Direction, int] | None:
    r"""Say who sends *line* and what it proves; *rest* follows it, `\r\n` first.

    None for a line that MSNP does not have, or that is not known here.
    """
    whole = line + rest[:64]
    for shape in _BY_NAME.get(line[:3], ()):
        found = shape.pattern.match(whole)
        if found and found.end() == len(line):
            return shape.direction, shape.weight
    return None
