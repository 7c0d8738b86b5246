"""Readable text from what OSCAR messages carry: AIM's HTML, and the RTF of ICQ 2000 to 2003.

Everything here is linear in the size of its input.
"""

import html
import re

_KNOWN = re.compile(
    r"<(?:html|body|font|br|b|i|u|a|img|p|div|span|sub|sup|s|strike|pre|hr|big|small|center|em|"
    r"strong|h[1-6])\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"/?[a-zA-Z!][a-zA-Z0-9]*")
"""How a tag begins, `<` left out."""
_HREF = re.compile(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_BREAKS = frozenset({"br", "p", "div", "hr"})

_RTF = re.compile(
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
    if "<" in text and _KNOWN.search(text):
        return from_html(text), text
    if escaped and "&" in text and (plain := html.unescape(text)) != text:
        return plain, text
    return text, ""


def from_html(text: str) -> str:
    """Return the text of HTML: no tags, line breaks as such, links with where they lead."""
    first, *pieces = text.split("<")
    parts, link, link_at = [first] if first else [], "", 0
    for piece in pieces:
        tag, closed, after = piece.partition(">")
        found = _NAME.match(tag) if closed else None
        if found is None:
            parts.append("<" + piece)
            continue
        name = found[0].lower()
        if name == "a":
            link, link_at = _href(tag), len(parts)
        elif name == "/a" and link:
            if link not in "".join(parts[link_at:]):
                parts.append(f" <{link}>")
            link = ""
        elif name in _BREAKS and parts:
            parts.append("\n")
        if after:
            parts.append(after)
    return html.unescape("".join(parts))


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
