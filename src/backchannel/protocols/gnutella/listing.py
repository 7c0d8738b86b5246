"""What a browsed host answers: query hits of either network, or a page. Bytes in, events out.

The browse host proposal (gtk-gnutella doc/gnutella/browse_host) lets a host choose; BearShare knew
pages alone. What is linked in one as gtk-gnutella's bh_upload.c does it is told.
"""

import re
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import unquote

from backchannel.events import Share, SharedFile
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.gnutella import messages, wire
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella2 import packets, tree
from backchannel.text import decode, unescape

FILES = 256
"""Files of a page that are told at once."""
TAIL = 4096
"""Longer than any link that is read."""
_LINK = re.compile(
    rb"<a\s[^>]{0,64}?href\s{0,8}=\s{0,8}[\"']?(?:https?://[^/\"'\s]{1,64})?/"
    rb"(?:get/(\d{1,10})/([^\"'>]{1,1024}+)|uri-res/N2R\?(urn:[\w:.-]{1,200}+))"
    rb"[\"']?[^>]{0,64}+>([^<]{0,1024}+)</a",
    re.IGNORECASE,
)


class Listing(Protocol):
    """Decodes the body of one answer."""

    def feed(self, data: bytes) -> Iterator[list[Output]]:
        """Yield what the next bytes of the body mean; raises WireError when they are not a list."""

    def end(self) -> list[Output]:
        """Return what is told once the body is over."""


class _Messages:
    """Gnutella query hits; holds at most one."""

    def __init__(self, side: Side, memory: Memory) -> None:
        self._buffer, self._side, self._memory = bytearray(), side, memory

    def feed(self, data: bytes) -> Iterator[list[Output]]:
        """See `Listing`."""
        self._buffer += data
        for message in wire.take_messages(self._buffer):
            self._memory.count(self._side, "listing", wire.HEADER + len(message.body))
            if message.kind == wire.HIT:
                yield messages.listing(message, self._memory)

    def end(self) -> list[Output]:
        """See `Listing`."""
        return []


class _Packets:
    """Gnutella2 query hits; holds at most one."""

    def __init__(self, side: Side, memory: Memory) -> None:
        self._buffer, self._side, self._memory = bytearray(), side, memory

    def feed(self, data: bytes) -> Iterator[list[Output]]:
        """See `Listing`."""
        self._buffer += data
        for packet in tree.take_packets(self._buffer):
            self._memory.count(self._side, "listing", len(packet.body))
            yield packets.listing(packet, self._memory)

    def end(self) -> list[Output]:
        """See `Listing`."""
        return []


class _Page:
    """A page for people; holds at most twice TAIL bytes of it, and FILES files.

    It is searched once for each TAIL of bytes, and a link counts when TAIL bytes from its beginning
    are there, so how the stream was cut changes neither what is found nor the time that it takes.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._files: list[SharedFile] = []

    def feed(self, data: bytes) -> Iterator[list[Output]]:
        """See `Listing`."""
        self._buffer += data
        if len(self._buffer) >= 2 * TAIL:
            yield from self._search(len(self._buffer) - TAIL)

    def end(self) -> list[Output]:
        """See `Listing`."""
        pages = list(self._search(len(self._buffer)))
        return [told for page in (*pages, self._told()) for told in page]

    def _search(self, end: int) -> Iterator[list[Output]]:
        """Take the links that begin before *end* out of the buffer; yield files as they add up."""
        last = 0
        for found in _LINK.finditer(bytes(self._buffer)):
            if found.start() >= end:
                break
            last = found.end()
            self._files.append(_linked(*found.groups()))
            if len(self._files) == FILES:
                yield self._told()
        del self._buffer[: max(last, end)]

    def _told(self) -> list[Output]:
        files, self._files = tuple(self._files), []
        return [Share(owner="", files=files)] if files else []


def _linked(index: bytes | None, path: bytes | None, urn: bytes | None, text: bytes) -> SharedFile:
    """Return a file by what its link says: its index and name, or its URN and the text."""
    if index is not None and path is not None:
        return SharedFile(name=unquote(decode(path)), detail=f"index {index.decode()}")
    return SharedFile(name=unescape(decode(text)).strip(), hash=decode(urn or b""))


def listing_for(media: str, side: Side, memory: Memory) -> Listing | None:
    """Return what decodes a list of *media* type from *side*; None for what is none."""
    media = media.lower()
    if "application/x-gnutella2" in media:
        return _Packets(side, memory)
    if "application/x-gnutella-packets" in media:
        return _Messages(side, memory)
    return _Page() if "text/html" in media else None
