"""Gnutella: one flow of any kind, by its first bytes.

    GNUTELLA ...      handshake, then messages             connection.py
    GET, HEAD         downloads, browsing, web caches      transfer.py
    GIV, PUSH, QUEUE  the same after a push or a wait      pushed.py
    CHAT CONNECT      servents' chat                       chat.py
    anything else     messages whose handshake was not seen

UDP flows are `datagrams.py`. Until the first bytes have come a session holds at most 64 of them.
"""

from importlib import import_module
from typing import Protocol

from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.gnutella.chat import Chat
from backchannel.protocols.gnutella.connection import Connection, Network
from backchannel.protocols.gnutella.datagrams import Datagrams
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.pushed import Pushed
from backchannel.protocols.gnutella.recognise import recognise
from backchannel.protocols.gnutella.transfer import Transfer

__all__ = ["Session", "recognise"]

_OPENINGS = (
    b"GNUTELLA",
    b"GET ",
    b"HEAD ",
    b"HTTP/",
    b"GIV ",
    b"PUSH guid:",
    b"QUEUE ",
    b"CHAT CONNECT/",
    b"CHAT/",
)


class _Part(Protocol):
    """What decodes one kind of flow."""

    @property
    def standing(self) -> Standing: ...

    @property
    def done(self) -> bool: ...

    def feed(self, side: Side, data: bytes) -> list[Output]: ...

    def gap(self, side: Side, size: int) -> list[Output]: ...

    def end(self, side: Side) -> list[Output]: ...


class Session:
    """One flow of a Gnutella servent."""

    network: Network = "gnutella"

    def __init__(self, start: Start) -> None:
        self.service = "gnutella"
        self._start, self._memory = start, Memory(start.recall)
        self._held: list[tuple[Side, bytes]] = []
        self._part: _Part | None = Datagrams(self._memory) if start.transport == "udp" else None

    @property
    def standing(self) -> Standing:
        """See the contract."""
        return self._part.standing if self._part else Standing.CLAIMED

    @property
    def done(self) -> bool:
        """See the contract."""
        return self._part is not None and self._part.done

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes (or one datagram) of *side*; return what they meant."""
        if self._part is not None:
            return self._part.feed(side, data)
        self._held.append((side, data))
        return self._begin()

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        out = self._begin(last=True)
        return out + (self._part.gap(side, size) if self._part else [])

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        out = self._begin(last=True) if self._held else []
        return out + (self._part.end(side) if self._part else [])

    def _begin(self, *, last: bool = False) -> list[Output]:
        """Choose a decoder once the first bytes say which, and hand it what was held."""
        if self._part is not None:
            return []
        first = self._held[0][0] if self._held else Side.CLIENT
        seen = b"".join(data for side, data in self._held if side is first)[:16]
        held = sum(len(data) for _, data in self._held)
        if not last and held < 64 and _unsure(seen):
            return []
        part = self._part = self._choose(first, seen)
        steps, self._held = self._held, []
        out: list[Output] = []
        for side, data in steps:
            out += part.feed(side, data)
        return out

    def _choose(self, first: Side, seen: bytes) -> _Part:
        if seen.startswith((b"GIV ", b"PUSH guid:", b"QUEUE ")):
            return Pushed(self._start, self._memory, first)
        if seen.startswith((b"GET ", b"HEAD ")):
            return Transfer(self._start, self._memory, asks=first)
        if seen.startswith(b"HTTP/"):
            return Transfer(self._start, self._memory, asks=first.other)
        if seen.startswith((b"CHAT CONNECT/", b"CHAT/")):
            return Chat(self._memory)
        return Connection(self.network, self._memory)


def _unsure(seen: bytes) -> bool:
    """Whether *seen* is the beginning of several openings, or of one that is not whole."""
    return any(len(seen) < len(mark) and mark.startswith(seen) for mark in _OPENINGS)


def prepare() -> None:
    """Load what the recogniser loads only where messages may begin."""
    import_module("backchannel.protocols.gnutella.plausible")
