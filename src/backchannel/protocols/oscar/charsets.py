"""The character sets of OSCAR: by number in messages and file names, by MIME name elsewhere."""

from backchannel.patterns import later
from backchannel.text import decode

ASCII, UNICODE, LATIN_1 = 0x0000, 0x0002, 0x0003
_NAMED = later(
    r"windows-125[0-8]|iso-8859-(?:[2-9]|1[03-6])\b|koi8-[ru]|shift_jis|euc-(?:jp|kr)|big5|gb2312|gbk"
)
"""Character sets of one country that a client may name (libpurple encoding.c converts any)."""


def by_number(data: bytes, charset: int) -> str:
    """Return *data* in a message's *charset*: 0 ASCII, 2 UTF-16 big-endian, 3 Latin-1.

    Clients send UTF-8 or their own code page under 0, Windows-1252 under 3, and UTF-8 under 2.
    """
    if charset == UNICODE:
        return _wide(data)
    return decode(data, "cp1252") if charset == LATIN_1 else _guessed(data)


def by_name(data: bytes, mime: bytes | str) -> str:
    """Return *data* in the character set that a MIME type or a bare name tells."""
    if not mime:
        return _guessed(data)
    name = (mime if isinstance(mime, str) else mime.decode("latin-1")).lower()
    if "unicode-2-0" in name or "utf-16" in name:
        return _wide(data)
    if (found := _NAMED.search(name)) is not None:
        return decode(data, found[0], "utf-8", "cp1252")
    return decode(data, "cp1252") if "8859-1" in name else _guessed(data)


def _wide(data: bytes) -> str:
    """Return *data* as UTF-16, or as the UTF-8 that some clients send in its name (libpurple 2.10.9
    encoding.c).
    """
    try:
        return data.decode("utf-16-be")
    except UnicodeDecodeError:
        return _guessed(data) if 0 not in data else data.decode("utf-16-be", "replace")


def _guessed(data: bytes) -> str:
    """Return *data* as UTF-8, or in the code page of Windows where it is not that."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return decode(data, "cp1252")
