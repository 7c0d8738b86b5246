r"""Readable text from RTF, in which ICQ 2000 to 2003 wrote its messages.

    \'xx    a byte in the code page of its font, or of the document where the font names none
    \uN     a UTF-16 unit; \ucN says how many characters behind it stand in for it (else one)
    \fN     the font from here on, to the end of the group; the table of fonts says of each which
            of Windows' character sets it has
    <##icqimageNNNN>  a picture, which the sender's program drew for what was typed

A character may be two bytes, and the second of them a letter that needs no escape: bytes are kept
until something else comes. Everything here is linear in the size of its input.

Sources: Microsoft, Rich Text Format (RTF) Specification 1.9.1; libpurple 2.10.9 novell/nmrtf.c
(character sets); licq @f271d550 icq/src/rtf.ll (what the pictures stand for).
"""

import re

from backchannel.patterns import later

_TOKEN = later(
    r"\\'([0-9a-fA-F]{2})|\\([a-z]+)(-?\d{1,9})? ?|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_PICTURE = later(r"<##icqimage([0-9A-Fa-f]{4})>")
_SURROGATE = later("[\ud800-\udfff]")

_PICTURES = (
    *(":-)", ":-O", ":-|", ":-/", ":-(", ":-{}", ":*)", ":'-(", ";-)", ":-@"),
    *(":-", ":-X", ":-P", "8-)", "O-)", ":-D", "*STOP*"),
)
_PAGES = {
    **{number: f"cp{number}" for number in (437, 850, 852, 866, 874, 932, 936, 949, 950)},
    **{number: f"cp{number}" for number in range(1250, 1259)},
    1361: "johab",
    10000: "mac-roman",
    65001: "utf-8",
}
_CHARACTER_SETS = {
    77: 10000,
    128: 932,
    129: 949,
    130: 1361,
    134: 936,
    136: 950,
    161: 1253,
    162: 1254,
    163: 1258,
    177: 1255,
    178: 1256,
    179: 1256,
    180: 1256,
    181: 1255,
    186: 1257,
    204: 1251,
    222: 874,
    238: 1250,
    254: 437,
}
"""Code pages of fonts. Number 0, Western, is left out: programs give it to every font that they
know nothing of, and licq reads the document's code page then."""
_WORDS = {
    "par": "\n",
    "line": "\n",
    "tab": "\t",
    "emdash": "—",
    "endash": "–",
    "bullet": "•",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
}
_SYMBOLS = {"\\": "\\", "{": "{", "}": "}", "~": " ", "\r": "\n", "\n": "\n"}
_HIDDEN = frozenset({"colortbl", "stylesheet", "info", "pict", "generator"})
_SHOWN, _FONTS, _PASSED = range(3)


def from_rtf(rtf: str) -> str:
    """Return the text; tables of fonts, colours and styles are left out."""
    document = _Document()
    for token in _TOKEN.finditer(rtf):
        byte, word, number, symbol, brace, plain = token.groups()
        if brace:
            document.group(opens=brace == "{")
        elif word:
            document.control(word, int(number or 0))
        elif symbol == "*":
            document.kind = _PASSED
        elif byte:
            document.byte(int(byte, 16))
        elif text := plain or _SYMBOLS.get(symbol, ""):
            document.text(text)
    return document.end()


class _Document:
    """What has been read so far, and what holds where reading is."""

    def __init__(self) -> None:
        self.kind, self.font, self.stand_ins = _SHOWN, 0, 1
        self._outer: list[tuple[int, int, int]] = []
        self._page, self._default, self._in_table = 1252, 0, 0
        self._pages: dict[int, int] = {}
        self._skip = 0
        self._held = bytearray()
        self._parts: list[str] = []

    def group(self, *, opens: bool) -> None:
        self._flush()
        if opens:
            self._outer.append((self.kind, self.font, self.stand_ins))
        elif self._outer:
            self.kind, self.font, self.stand_ins = self._outer.pop()

    def control(self, word: str, number: int) -> None:
        self._flush()
        if word in _HIDDEN:
            self.kind = _PASSED
        elif word == "fonttbl":
            self.kind = _FONTS
        elif self.kind == _FONTS:
            self._of_font(word, number)
        elif self.kind == _SHOWN:
            self._of_text(word, number)

    def _of_font(self, word: str, number: int) -> None:
        if word == "f":
            self._in_table = number
        elif word == "fcharset" and number in _CHARACTER_SETS:
            self._pages[self._in_table] = _CHARACTER_SETS[number]

    def _of_text(self, word: str, number: int) -> None:
        match word:
            case "f":
                self.font = number
            case "deff":
                self.font = self._default = number
            case "plain":
                self.font = self._default
            case "ansicpg" if number in _PAGES:
                self._page = number
            case "uc":
                self.stand_ins = max(number, 0)
            case "u":
                self._parts.append(chr(number & 0xFFFF))
                self._skip = self.stand_ins
            case _ if word in _WORDS:
                self._parts.append(_WORDS[word])

    def byte(self, value: int) -> None:
        if self._skip:
            self._skip -= 1
        elif self.kind == _SHOWN:
            self._held.append(value)

    def text(self, text: str) -> None:
        shown = text[self._skip :] if self.kind == _SHOWN else ""
        self._skip = max(self._skip - len(text), 0)
        if shown.isascii():
            self._held += shown.encode()
        else:
            self._flush()
            self._parts.append(shown)

    def _flush(self) -> None:
        self._skip = 0
        if self._held:
            page = _PAGES[self._pages.get(self.font, self._page)]
            self._parts.append(self._held.decode(page, "replace"))
            self._held.clear()

    def end(self) -> str:
        """Return the whole text."""
        self._flush()
        text = "".join(self._parts)
        if _SURROGATE.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return _PICTURE.sub(_drawn, text).strip("\n\0")


def _drawn(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return _PICTURES[number] if number < len(_PICTURES) else found[0]
