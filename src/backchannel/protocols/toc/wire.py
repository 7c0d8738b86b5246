"""TOC on the wire: FLAP frames that carry commands as text. No memory.

    client   FLAPON and two line ends, then frames; a command's words are separated by blanks,
             quoted with "", escaped with a backslash, and end with a NUL
    server   frames; a message's fields are separated by colons, the last one takes the rest

Sources: AOL's TOC 1.0 specification ("PROTOCOL", as libpurple 2.4.3 ships it); open-oscar-server
docs/TOC.md (TOC 2.0).
"""

import re
from itertools import cycle

from backchannel.patterns import later
from backchannel.text import decode

GREETING = b"FLAPON\r\n\r\n"
HEADER = 6
LONGEST = 8192
"""What the server may send at most; clients may send a quarter of it."""
ROAST = b"Tic/Toc"

_WORD = later(r'"((?:[^"\\]|\\.)*)(?:"|$)|((?:[^\s"\\]|\\.)+)', re.DOTALL)
_BRACED = later(r"(toc_set_config|toc2_new_buddies) (?=\{)")
_ESCAPE = later(r"\\(.)", re.DOTALL)

COMMAND = later(rb"toc2?_[a-z_]{2,24}[ \x00]")
MESSAGE = later(
    rb"(?:SIGN_ON|CONFIG2?|NICK|IM_IN(?:2|_ENC2)?|UPDATE_BUDDY2?|BUDDY_CAPS2|ERROR|EVILED|"
    rb"CHAT_(?:JOIN|IN|IN_ENC|UPDATE_BUDDY|INVITE|LEFT)|GOTO_URL|DIR_STATUS|"
    rb"ADMIN_(?:NICK|PASSWD)_STATUS|RVOUS_PROPOSE|CLIENT_EVENT2|NEW_BUDDY_REPLY2|"
    rb"(?:INSERTED|UPDATED|DELETED)2):|PAUSE$"
)
FRAME = later(rb"\x2a\x02..[\x00-\x20].(?:toc2?_[a-z]|[A-Z][A-Z_]{3}[A-Z_2:])", re.DOTALL)
"""What a frame looks like where it must be found again after a loss."""
LOOK = 12
"""Bytes that `FRAME` reads, at most."""


def words(payload: bytes) -> list[str]:
    """Split a client's command into words, unquoted and unescaped. Gaim writes a contact list in
    braces, without quotation marks (libpurple 2.4.3 toc.c).
    """
    text = decode(payload.rstrip(b"\0"), "utf-8", "cp1252")
    if found := _BRACED.match(text):
        return [found[1], text[found.end() :]]
    return [
        _ESCAPE.sub(r"\1", found[1] if found[1] is not None else found[2])
        for found in _WORD.finditer(text)
    ]


def fields(payload: bytes, count: int) -> list[str]:
    """Split a server's message into *count* fields behind its name; the last takes the rest."""
    text = decode(payload, "utf-8", "cp1252").rstrip("\0")
    found = text.split(":", count)[1:]
    return found + [""] * (count - len(found))


def unroast(text: str) -> str:
    """Return the password behind `0x...`; a password that is not roasted as it is."""
    try:
        roasted = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return text
    if not text.startswith("0x"):
        return text
    return decode(bytes(a ^ b for a, b in zip(roasted, cycle(ROAST), strict=False)))
