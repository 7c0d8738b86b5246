"""What one flow remembers across its messages, both networks alike. Bounded: under 1 MiB.

names      what search results of all flows call files
hosts      addresses already told, so that a host cache built from pongs is told once
queries    text by message id, to see who answers every query with its own words
counts     messages a kind and side
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, Literal

from backchannel.events import Anomaly, Peer, PeerAddress
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.gnutella.events import Messages
from backchannel.protocols.gnutella.names import Names

MAX_HOSTS = 4096
"""Beyond that the memory starts afresh, so that an address may be told again, but none is lost."""
MAX_QUERIES = 256
MAX_TEXT = 256
MAX_ECHOES = 64
MAX_KINDS = 64

_EXECUTABLE = (".exe", ".com", ".scr", ".pif", ".bat", ".vbs", ".cmd", ".zip")
_MANDRAGORE = 8192
"""Size of the file that W32/Gnuman (Mandragore, 2001) offered for every query, mostly with `.exe`
behind its words and sometimes without (descriptions by ESET and F-Secure).
"""


class Memory:
    """The memory of one flow."""

    def __init__(self, recall: Callable[[str], Any] | None = None) -> None:
        """*recall*: see `Names`."""
        self.names = Names(recall)
        self._hosts: set[tuple[str, str, int]] = set()
        self._queries: OrderedDict[bytes, str] = OrderedDict()
        self._echoes: OrderedDict[str, set[str]] = OrderedDict()
        self._said: set[str] = set()
        self._counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self._octets = [0, 0]

    # -- counting ------------------------------------------------------------------------------

    def count(self, side: Side, kind: str, octets: int) -> None:
        """One more message of *kind*."""
        counts = self._counts[side]
        if kind in counts or len(counts) < MAX_KINDS:
            counts[kind] += 1
        else:
            counts["other"] += 1
        self._octets[side] += octets

    def summary(self, side: Side) -> list[Output]:
        """Return what *side* sent in all; nothing when it sent no message."""
        counts, octets = self._counts[side], self._octets[side]
        if not counts:
            return []
        return [Messages(counts=tuple(sorted(counts.items())), octets=octets)]

    # -- addresses -----------------------------------------------------------------------------

    def _is_new(self, how: str, address: str, port: int) -> bool:
        key = how, address, port
        if key in self._hosts:
            return False
        if len(self._hosts) >= MAX_HOSTS:
            self._hosts.clear()
        self._hosts.add(key)
        return True

    def peers(
        self, found: list[tuple[str, int]], role: str = "", software: str = ""
    ) -> list[Output]:
        """Return those of *found* that were not told yet as members of the network."""
        return [
            Peer(address=address, port=port, role=role, software=software)
            for address, port in found
            if self._is_new(f"={role}", address, port)
        ]

    def peer(self, peer: Peer) -> list[Output]:
        """Return *peer* unless it was told with the same role."""
        return [peer] if self._is_new(f"={peer.role}", peer.address, peer.port) else []

    def disclosed(
        self,
        how: str,
        found: list[tuple[str, int]],
        account: str = "",
        *,
        transport: Literal["tcp", "udp"] = "tcp",
        use: Capability = Capability.FILE_SHARING,
    ) -> list[Output]:
        """Return those of *found* that were not told yet as somebody's addresses."""
        return [
            PeerAddress(
                use=use, account=account, address=address, port=port, transport=transport, how=how
            )
            for address, port in found
            if self._is_new(how + account, address, port)
        ]

    def first(self, what: str) -> bool:
        """Whether *what* was not said before on this flow; used for what repeats without end."""
        if what in self._said or len(self._said) >= MAX_KINDS:
            return False
        self._said.add(what)
        return True

    # -- abuse ---------------------------------------------------------------------------------

    def warn(self, kind: str, detail: str, *, each: str = "") -> list[Output]:
        """Return an anomaly, once a flow and *each*."""
        return [Anomaly(kind=kind, detail=detail)] if self.first(f"{kind} {each}") else []

    def asked(self, guid: bytes, text: str) -> None:
        """Remember what the query *guid* asked for."""
        if text:
            self._queries[guid] = text[:MAX_TEXT].lower()
            if len(self._queries) > MAX_QUERIES:
                self._queries.popitem(last=False)

    def answered(self, guid: bytes, servent: str, name: str, size: int) -> list[Output]:
        """Return an anomaly when *servent* names its files after what is asked, as worms do.

        One executable called like the query may be a coincidence, so that takes two queries, or
        the known size of the first such worm.
        """
        text, name = self._queries.get(guid), name.lower()
        stem = name.rpartition(".")[0] if name.endswith(_EXECUTABLE) else ""
        if not text or (stem != text and (name, size) != (text, _MANDRAGORE)):
            return []
        echoes = self._echoes.setdefault(servent, set())
        if len(self._echoes) > MAX_ECHOES:
            self._echoes.popitem(last=False)
        if len(echoes) < 2:
            echoes.add(text)
        if len(echoes) < 2 and size != _MANDRAGORE:
            return []
        detail = f"{servent} answers queries with executables named after them: {name[:MAX_TEXT]}"
        return self.warn("worm-query-hit", detail, each=servent)
