"""MIME messages as MSN sends them, and their reassembly when they come in chunks.

header lines, an empty line, body.  A message of more than some 1.4 KiB is cut: each chunk has
`Message-ID: {GUID}`, the first `Chunks: n` and all other headers, the rest `Chunk: i` (from 1).
"""

import re

import msgspec

from backchannel.text import decode

MAX_HEADERS = 64
MAX_CHUNKS = 128
MAX_HELD = 16
MAX_BYTES = 262144
"""Of all half messages of a flow together."""
_END = re.compile(rb"\r?\n\r?\n")
_CHARSET = re.compile(
    r"charset=\"?(utf-16(?:le|be)?|iso-8859-\d{1,2}|windows-12\d\d|koi8-[ru]|big5|gb2312|gbk"
    r"|gb18030|euc-(?:jp|kr)|shift_jis|ks_c_5601-1987|us-ascii|iso-2022-jp)\b",
    re.IGNORECASE,
)
"""Character sets that are tried where the text is not UTF-8."""


class Message(msgspec.Struct, frozen=True):
    """One MIME message. Header names are lower case."""

    headers: dict[str, str]
    body: bytes

    def get(self, name: str) -> str:
        """Return a header, or ''."""
        return self.headers.get(name, "")

    @property
    def content(self) -> str:
        """The content type, lower case and without parameters."""
        return self.get("content-type").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text. Most is UTF-8 whatever it says, but UTF-16 cannot be told from it."""
        found = _CHARSET.search(self.get("content-type"))
        if found is None:
            return decode(self.body)
        declared = found[1].lower()
        wide = declared.startswith("utf-16")
        return decode(self.body, *((declared, "utf-8") if wide else ("utf-8", declared)))


def read(data: bytes) -> Message:
    """Read a message; without an empty line it is all headers."""
    if data[:2] == b"\r\n":
        return Message({}, data[2:])
    found = _END.search(data)
    head, body = (data[: found.start()], data[found.end() :]) if found else (data, b"")
    return Message(fields(decode(head)), body)


def fields(text: str) -> dict[str, str]:
    """Read `Name: value` lines, at most MAX_HEADERS; the first of equal names counts."""
    found: dict[str, str] = {}
    for line in text.split("\n", MAX_HEADERS)[:MAX_HEADERS]:
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


class Chunks:
    """Half messages of one flow."""

    def __init__(self) -> None:
        self._half: dict[tuple[str, str], dict[int, Message]] = {}

    def add(self, sender: str, message: Message) -> Message | None:
        """Take a message; return it, or the whole that it completes, or None while one waits."""
        name = message.get("message-id")[:64]
        if not name or not ("chunk" in message.headers or "chunks" in message.headers):
            return message
        key = sender, name
        held = self._half.setdefault(key, {})
        held.setdefault(_count(message.get("chunk")), message)
        first = held.get(0)
        wanted = _count(first.get("chunks")) if first else 0
        if first and 0 < wanted == len(held):
            del self._half[key]
            parts = [part.body for _, part in sorted(held.items())]
            return Message(first.headers, b"".join(parts))
        self._bound()
        return None

    def _bound(self) -> None:
        def size() -> int:
            return sum(len(part.body) for held in self._half.values() for part in held.values())

        while len(self._half) > MAX_HELD or (self._half and size() > MAX_BYTES):
            del self._half[next(iter(self._half))]


def _count(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    return value if value <= MAX_CHUNKS else 0
