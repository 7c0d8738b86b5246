r"""Yahoo's message formatting undone: what a reader would see.

    ESC [ ... m                 bold, italic, underline, link and colour switches
    <font ...> <FADE ...> <ALT ...> <SND=...> <b> <red> <#a0b0c0> and their ends

Only tags that clients gave a meaning to are removed; other text between < and > was typed.
Sources: libpurple 2.10.9 util.c; GYachI's photo and chat notes; the recorded captures.
"""

import re

from backchannel import text

_ESCAPE = re.compile(r"\x1b\[[^m\x1b]{0,32}m")
_TAG = re.compile(
    r"</?(?:font|fade|alt|snd|b|i|u|s|black|blue|cyan|gray|green|pink|purple|orange|red|yellow"
    r"|white|lyellow|lgreen|#[0-9a-f]{3,8})(?:[ =,#][^<>]{0,512})?>",
    re.IGNORECASE,
)


def plain(value: str) -> str:
    """Return *value* without formatting codes and tags."""
    if "\x1b" in value:
        value = _ESCAPE.sub("", value)
    if "<" in value:
        value = _TAG.sub("", value)
    return value.replace("\r\n", "\n")


def words(value: bytes) -> str:
    """Decode a field meant for people: UTF-8, else the Windows code page that clients used."""
    return text.decode(value, "utf-8", "cp1252")
