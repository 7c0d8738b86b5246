"""Readable text from what OSCAR messages carry: AIM's HTML, and the RTF of old ICQ programs.

Everything here is linear in the size of its input.
"""

import re

from backchannel.patterns import later
from backchannel.protocols.oscar.rtf import from_rtf
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
