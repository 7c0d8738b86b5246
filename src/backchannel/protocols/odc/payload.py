"""The payload of one ODC frame as it comes in: text first, then images. Bounded memory.

Holds at most 64 KiB of text or 512 bytes of a tag; image bytes pass through.
"""

import re
from typing import Literal

import msgspec

from backchannel.protocols.odc.wire import Header
from backchannel.protocols.oscar import charsets

TEXT_LIMIT = 1 << 16
TAG_LIMIT = 512
_MARK = b"<binary>"
_DATA = re.compile(rb"<data\b([^>]*)>", re.IGNORECASE)
_IMAGE = re.compile(r"<img\b([^<>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(id|src|size)\s*=\s*(?:\"([^\"]*)\"|([^\s\">]+))", re.IGNORECASE)


class Text(msgspec.Struct, frozen=True):
    """The text is complete."""

    text: str


class Begin(msgspec.Struct, frozen=True):
    """An image's bytes begin."""

    name: str
    size: int


class Piece(msgspec.Struct, frozen=True):
    """Bytes of that image."""

    offset: int
    data: bytes


class Finish(msgspec.Struct, frozen=True):
    """The image is over, or broken off."""


Part = Text | Begin | Piece | Finish


class Payload:
    """Takes a payload in pieces of any size, and gives its parts."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.left = header.size
        self._phase: Literal["text", "tag", "image", "rest"] = "text"
        self._held = bytearray()
        self._at = self._size = 0
        self._names: dict[str, str] = {}

    def feed(self, data: bytes) -> list[Part]:
        """Take the next bytes, at most `left` of them."""
        parts, at = list[Part](), 0
        self.left -= len(data)
        while at < len(data):
            at = self._part(data, at, parts)
        if not self.left:
            self.stop(parts)
        return parts

    def skip(self, size: int) -> list[Part]:
        """*size* bytes, at most `left`, were never seen."""
        parts = list[Part]()
        self.left -= size
        if self._phase == "image" and size <= self._size - self._at:
            self._at += size
            if self._at == self._size:
                self._finish(parts)
        else:
            self.stop(parts)
            self._phase = "rest"
        return parts

    def stop(self, parts: list[Part]) -> None:
        """No more bytes come, or what comes cannot be placed."""
        if self._phase == "text":
            self._told(bytes(self._held), parts)
        elif self._phase == "image":
            parts.append(Finish())
        self._phase = "rest"

    def _part(self, data: bytes, at: int, parts: list[Part]) -> int:
        """Take what stands at *at*; return where it ends."""
        phase = self._phase
        if phase == "image":
            return self._image(data, at, parts)
        if phase == "text":
            return self._text(data, at, parts)
        return self._tag(data, at, parts) if phase == "tag" else len(data)

    def _told(self, text: bytes, parts: list[Part]) -> None:
        told = charsets.by_number(text, self.header.charset)
        for image in _IMAGE.finditer(told):
            values = _attributes(image[1])
            if len(self._names) < 64:
                self._names[values.get("id", "")] = values.get("src", "")
        parts.append(Text(told))
        self._held.clear()

    def _text(self, data: bytes, at: int, parts: list[Part]) -> int:
        known = max(0, len(self._held) - len(_MARK) + 1)
        taken = data[at : at + TEXT_LIMIT - len(self._held)]
        self._held += taken
        found = self._held[known:].lower().find(_MARK)
        if found >= 0:
            end = known + found
            rest = len(self._held) - end - len(_MARK)
            self._told(bytes(self._held[:end]), parts)
            self._phase = "tag"
            return at + len(taken) - rest
        if len(self._held) >= TEXT_LIMIT:
            self.stop(parts)
        return at + len(taken)

    def _tag(self, data: bytes, at: int, parts: list[Part]) -> int:
        end = data.find(b">", at) + 1
        stop = end or len(data)
        self._held += data[at : min(stop, at + TAG_LIMIT)]
        if end or len(self._held) >= TAG_LIMIT:
            tag = bytes(self._held[:TAG_LIMIT])
            self._held.clear()
            found = _DATA.search(tag) if len(tag) < TAG_LIMIT else None
            if found:
                self._begin(_attributes(found[1].decode("latin-1")), parts)
            elif not tag.lower().endswith(b"</data>"):
                self._phase = "rest"
        return stop

    def _begin(self, values: dict[str, str], parts: list[Part]) -> None:
        size = values.get("size", "")
        if not (size.isascii() and size.isdigit() and 0 < int(size[:10]) <= self.header.size):
            self._phase = "rest"
            return
        self._at, self._size, self._phase = 0, int(size[:10]), "image"
        parts.append(Begin(self._names.get(values.get("id", ""), ""), self._size))

    def _image(self, data: bytes, at: int, parts: list[Part]) -> int:
        piece = data[at : at + self._size - self._at]
        parts.append(Piece(self._at, piece))
        self._at += len(piece)
        if self._at == self._size:
            self._finish(parts)
        return at + len(piece)

    def _finish(self, parts: list[Part]) -> None:
        parts.append(Finish())
        self._phase = "tag"


def _attributes(text: str) -> dict[str, str]:
    return {found[1].lower(): found[2] or found[3] or "" for found in _ATTRIBUTE.finditer(text)}
