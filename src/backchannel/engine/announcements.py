"""Flows to come: what one flow announced is recognised when another one brings it.

Bounded: the oldest announcement goes, and is counted, when there are too many.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from backchannel.effects import Expect
from backchannel.engine.bounded import Bounded
from backchannel.flows.expect import normal as strict
from backchannel.model import Endpoint, Transport

HIGHEST_PORT = 0xFFFF
LIMIT = 65_536
"""Announcements that stand at once."""
PLACE = 256
"""Announcements of one place: each flow to it is held against all of them."""
RECENT = 16
"""Announcements of one place among which a repeated one is looked for, and fulfilled ones of one
place that are remembered.
"""


class Announcement(msgspec.Struct, frozen=True):
    """An `Expect` that stands, and where it was made."""

    token: int
    expect: Expect
    address: str
    until: int
    frame: int
    service: str
    stack: str

    @property
    def evidence(self) -> str:
        """What a claim that rests on it says."""
        return f"announced by {self.stack} in frame {self.frame}"


class Announcements:
    """All that stand. The core is told too, so that it delivers the flows that match."""

    def __init__(
        self,
        tell_core: Callable[[int, str, str, int, str, int], None],
        untell_core: Callable[[int], None],
        count: Callable[[str], None],
    ) -> None:
        self._tell, self._untell, self._count = tell_core, untell_core, count
        self._by_token: dict[int, Announcement] = {}
        self._by_place: dict[tuple[Transport, str, int], list[int]] = {}
        self._ports: dict[int, int] = {}  # how many stand for each port, 0 for any
        self._fulfilled = Bounded[tuple[Transport, str, int], list[Announcement]](
            LIMIT // RECENT, "places of fulfilled announcements forgotten to bound memory", count
        )
        self._serial = 0

    def add(
        self, expect: Expect, *, address: str, now: int, frame: int, service: str, stack: str
    ) -> None:
        """Let *expect* stand from *now*; *address* is its listening end, resolved, or empty; or a
        name, which is waited for inside proxies alone.
        """
        if not (address or expect.port or expect.source):
            self._count("announcements without an address or port")
            return
        if not 0 <= expect.port <= HIGHEST_PORT:  # the core has 16 bits for it
            self._count("announcements of ports that cannot be")
            return
        if len(self._by_token) >= LIMIT:
            self._count("announcements dropped to bound memory")
            self._remove(next(iter(self._by_token)))
        place = expect.transport, address, expect.port
        for token in self._by_place.get(place, [])[-RECENT:]:
            if self._by_token[token].expect == expect:
                self._remove(token)  # told again, as when both legs of a relay were captured
                break
        if len(self._by_place.get(place, ())) >= PLACE:
            self._count("announcements of one place dropped to bound time")
            self._remove(self._by_place[place][0])
        self._serial += 1
        until = now + expect.lifetime * 1_000_000_000
        made = Announcement(self._serial, expect, address, until, frame, service, stack)
        self._by_token[made.token] = made
        self._by_place.setdefault(place, []).append(made.token)
        self._ports[expect.port] = self._ports.get(expect.port, 0) + 1
        if address and not normal(address):
            return  # no packet of a flow holds a name
        self._tell(made.token, expect.transport, address, expect.port, normal(expect.source), until)

    def match(
        self,
        transport: Transport,
        client: Endpoint,
        server: Endpoint,
        now: int,
        opened: bool,
    ) -> Announcement | None:
        """Return what announced this flow, most exact first; a single-use one is then used up.

        Where it is not known who *opened* a flow (UDP, TCP whose beginning was not seen), either
        end may be the announced one.
        """
        if not self._by_token:
            return None
        made = self._made_for(transport, client, server, now)
        if made is None and not opened:
            made = self._made_for(transport, server, client, now)
        return made

    def _made_for(
        self, transport: Transport, client: Endpoint, server: Endpoint, now: int
    ) -> Announcement | None:
        source, address, port = client.address, server.address, server.port
        there, anywhere = port in self._ports, 0 in self._ports
        if not (there or anywhere):  # as nearly always
            return None
        address = address.lower()
        made = self._standing((transport, address, port), source, now) if there else None
        if made is None and anywhere:
            made = self._standing((transport, address, 0), source, now)
        if made is None and there:
            made = self._standing((transport, "", port), source, now)
        if made is None and anywhere:
            made = self._standing((transport, "", 0), source, now)
        return made

    def _standing(
        self, place: tuple[Transport, str, int], source: str, now: int
    ) -> Announcement | None:
        tokens = self._by_place.get(place)
        if tokens is None:
            return None
        for token in reversed(tokens):  # the latest word counts
            made = self._by_token[token]
            if now <= made.until and normal(made.expect.source) in ("", source):
                if not made.expect.repeat:
                    self._use_up(place, made)
                    earlier = self._fulfilled.get(place) or []
                    self._fulfilled.put(place, [*earlier[1 - RECENT :], made])
                return made
        return None

    def _use_up(self, place: tuple[Transport, str, int], made: Announcement) -> None:
        """Remove a single-use announcement; and where it says who comes, what the flow of who
        waits there said of the same: that anybody may.
        """
        self._remove(made.token)
        if not made.expect.source:
            return
        anybodys = msgspec.structs.replace(made.expect, source="")
        for token in self._by_place.get(place, [])[-RECENT:]:
            if self._by_token[token].expect == anybodys:
                self._remove(token)
                return

    def beside(self, made: Announcement, now: int) -> tuple[Any, ...]:
        """Return the contexts of other announcements that a flow may have come for instead of
        *made*: of the same protocol, place and source. Flows may come in another order than they
        were announced in, so what earlier ones were taken to fulfil is among them.
        """
        expect = made.expect
        place = expect.transport, made.address, expect.port
        standing = [self._by_token[token] for token in self._by_place.get(place, [])[-RECENT:]]
        contexts = [
            other.expect.context
            for other in (*(self._fulfilled.get(place) or ()), *standing)
            if other is not made
            and now <= other.until
            and other.expect.protocol == expect.protocol
            and other.expect.source == expect.source
        ]
        return tuple(contexts)

    def expire(self, now: int) -> None:
        """Forget what is over; call now and then."""
        for token in [made.token for made in self._by_token.values() if made.until < now]:
            self._remove(token)
        for place, fulfilled in self._fulfilled.items():
            if fulfilled[-1].until < now:
                self._fulfilled.pop(place)

    def get(self, token: int) -> Announcement | None:
        """Return what stands under *token*, and leave it."""
        return self._by_token.get(token)

    def __len__(self) -> int:
        return len(self._by_token)

    def _remove(self, token: int) -> None:
        made = self._by_token.pop(token)
        place = made.expect.transport, made.address, made.expect.port
        tokens = self._by_place[place]
        tokens.remove(token)
        if not tokens:
            del self._by_place[place]
        left = self._ports.pop(made.expect.port) - 1
        if left:
            self._ports[made.expect.port] = left
        self._untell(token)


@lru_cache(maxsize=4096)
def normal(address: str) -> str:
    """Return an address in its normal form; empty for what is not an address."""
    try:
        return strict(address)
    except ValueError:
        return ""
