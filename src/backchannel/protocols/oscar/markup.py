"""Readable text from what OSCAR messages carry: AIM's HTML, and the RTF of ICQ 2000 to 2003.

Everything here is linear in the size of its input.
"""

import re

from backchannel.patterns import later
from backchannel.text import unescape

_KNOWN = later(
    r"<(?:html|body|font|br|b|i|u|a|img|p|div|span|sub|sup|s|strike|pre|hr|big|small|center|em|"
    r"strong|h[1-6])\b",
    re.IGNORECASE,
)
_HREF = later(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_BREAKS = frozenset({"br", "p", "div", "hr"})
_LONGEST = 3
"""Letters of the longest name of a tag that says something here."""

_RTF = later(
    r"\\'([0-9a-fA-F]{2})|\\u(-?\d{1,6}) ?(?:\?|\\'[0-9a-fA-F]{2})?|\\([a-z]+)(-?\d{1,9})? ?"
    r"|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_HIDDEN = frozenset({"fonttbl", "colortbl", "stylesheet", "info", "pict", "generator"})
_WORDS = {"par": "\n", "line": "\n", "tab": "\t", "emdash": "—", "endash": "–", "bullet": "•"}


def readable(text: str, *, escaped: bool) -> tuple[str, str]:
    """Return (*text* without markup, *text* as it was; empty where it had no markup).

    Tags say that a text is HTML. Without tags, entities are undone only where *escaped* says that
    the sender's program always writes HTML.
    """
    if text.startswith("{\\rtf"):
        return from_rtf(text), text
    if "<" in text and (text[:6].lower() == "<html>" or _KNOWN.search(text)):
        return from_html(text), text
    if escaped and (plain := unescape(text)) != text:
        return plain, text
    return text, ""


def from_html(text: str) -> str:
    """Return the text of HTML: no tags, line breaks as such, links with where they lead."""
    pieces = text.split("<")
    parts, link, link_at = pieces[:1] if pieces[0] else [], "", 0
    for piece in pieces[1:]:
        end = piece.find(">")
        size = _name_size(piece) if end >= 0 else 0
        if not size:
            parts.append("<" + piece)
            continue
        name = piece[:size].lower() if size <= _LONGEST else ""
        if name == "a":
            link, link_at = _href(piece[:end]), len(parts)
        elif name == "/a" and link:
            if link not in "".join(parts[link_at:]):
                parts.append(f" <{link}>")
            link = ""
        elif name in _BREAKS and parts:
            parts.append("\n")
        if end + 1 < len(piece):
            parts.append(piece[end + 1 :])
    plain = "".join(parts)
    return unescape(plain)


def _name_size(tag: str) -> int:
    """Return how long the name is that a tag (without its `<`) begins with, slash included; 0 where
    it has none: a letter or `!`, then letters and digits.
    """
    at = start = 1 if tag.startswith("/") else 0
    for char in tag[start:]:
        letter = "a" <= char <= "z" or "A" <= char <= "Z"
        if not (letter or ("0" <= char <= "9" if at > start else char == "!")):
            break
        at += 1
    return at if at > start else 0


def _href(tag: str) -> str:
    """Return where a link leads; empty where it does not say."""
    found = _HREF.search(tag)
    return next(filter(None, found.groups()), "") if found else ""


def from_rtf(text: str) -> str:
    """Return the text of RTF; tables of fonts, colours and styles are left out."""
    parts, hidden, depth, codepage = list[str](), 0, 0, "cp1252"
    for token in _RTF.finditer(text):
        byte, unicode_, word, number, symbol, brace, plain = token.groups()
        if brace:
            depth += 1 if brace == "{" else -1
            hidden = 0 if depth < hidden else hidden
        elif word == "ansicpg" and number:
            codepage = f"cp{number}"
        elif word in _HIDDEN or symbol == "*":
            hidden = hidden or depth
        elif not hidden:
            parts.append(_rtf_text(byte, unicode_, word, symbol, codepage) or plain or "")
    return "".join(parts).strip("\n\0")


def _rtf_text(
    byte: str | None, unicode_: str | None, word: str | None, symbol: str | None, codepage: str
) -> str:
    if byte:
        try:
            return bytes.fromhex(byte).decode(codepage, "replace")
        except LookupError:
            return bytes.fromhex(byte).decode("latin-1")
    if unicode_:
        code = int(unicode_) & 0xFFFF
        return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)
    if symbol in ("\\", "{", "}"):
        return symbol
    return _WORDS.get(word or "", "")
