"""Flows to come: what one flow announced is recognised when another one brings it.

Bounded: the oldest announcement goes, and is counted, when there are too many.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from backchannel.effects import Expect
from backchannel.engine.bounded import Bounded
from backchannel.flows.expect import dotted
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


class Announcement:
    """An `Expect` that stands, and where it was made."""

    __slots__ = (
        "address",
        "expect",
        "frame",
        "place",
        "port",
        "repeat",
        "service",
        "source",
        "stack",
        "token",
        "until",
    )

    def __init__(  # noqa: PLR0917 - its fields
        self,
        token: int,
        expect: Expect,
        place: tuple[Transport, str, int],
        source: str,
        until: int,
        frame: int,
        service: str,
        stack: str,
    ) -> None:
        self.token, self.expect, self.source, self.until = token, expect, source, until
        self.frame, self.service, self.stack = frame, service, stack
        self.place, self.repeat = place, expect.repeat
        _, self.address, self.port = place

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

    def add(  # noqa: PLR0917 - what is known of one announcement
        self, expect: Expect, address: str, now: int, frame: int, service: str, stack: str
    ) -> None:
        """Let *expect* stand from *now*; *address* is its listening end, resolved, or empty; or a
        name, which is waited for inside proxies alone.
        """
        port, source = expect.port, normal(expect.source)
        if not (address or port or expect.source):
            self._count("announcements without an address or port")
            return
        if not 0 <= port <= HIGHEST_PORT:  # the core has 16 bits for it
            self._count("announcements of ports that cannot be")
            return
        if len(self._by_token) >= LIMIT:
            self._count("announcements dropped to bound memory")
            self._remove(next(iter(self._by_token)))
        place = expect.transport, address, port
        self._forget_equal(place, expect, source)  # as when both legs of a relay were captured
        tokens = self._by_place.get(place)
        if tokens is None:
            tokens = self._by_place[place] = []
        elif len(tokens) >= PLACE:
            self._count("announcements of one place dropped to bound time")
            self._remove(tokens[0])
        self._serial += 1
        until = now + expect.lifetime * 1_000_000_000
        made = Announcement(self._serial, expect, place, source, until, frame, service, stack)
        self._by_token[made.token] = made
        tokens.append(made.token)
        self._ports[port] = self._ports.get(port, 0) + 1
        if address and not normal(address):
            return  # no packet of a flow holds a name
        self._tell(made.token, place[0], address, port, source, until)

    def _forget_equal(self, place: tuple[Transport, str, int], expect: Expect, source: str) -> None:
        """Remove the same announcement, if it was among the latest of that place."""
        tokens = self._by_place.get(place)
        if tokens is None:
            return
        for token in tokens[-RECENT:]:
            made = self._by_token[token]
            if made.source == source and made.expect == expect:
                self._remove(token)
                return

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
        ports = self._ports
        if not ports:
            return None
        anywhere = 0 in ports
        made = None
        if anywhere or server.port in ports:  # seldom
            made = self._made_for(transport, client, server, now)
        if made is None and not opened and (anywhere or client.port in ports):
            made = self._made_for(transport, server, client, now)
        return made

    def _made_for(
        self, transport: Transport, client: Endpoint, server: Endpoint, now: int
    ) -> Announcement | None:
        source, address, port = client.address, server.address.lower(), server.port
        made = self._standing((transport, address, port), source, now)
        if made is None:
            made = self._standing((transport, address, 0), source, now)
        if made is None:
            made = self._standing((transport, "", port), source, now)
        if made is None:
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
            if now <= made.until and (not made.source or made.source == source):
                if not made.repeat:
                    self._use_up(made)
                    earlier = self._fulfilled.get(place) or []
                    self._fulfilled.put(place, [*earlier[1 - RECENT :], made])
                return made
        return None

    def _use_up(self, made: Announcement) -> None:
        """Remove a single-use announcement; and where it says who comes, what the flow of who
        waits there said of the same: that anybody may.
        """
        self._remove(made.token)
        if made.expect.source:
            self._forget_equal(made.place, msgspec.structs.replace(made.expect, source=""), "")

    def beside(self, made: Announcement, now: int) -> tuple[Any, ...]:
        """Return the contexts of other announcements that a flow may have come for instead of
        *made*: of the same protocol, place and source. Flows may come in another order than they
        were announced in, so what earlier ones were taken to fulfil is among them.
        """
        expect = made.expect
        place = made.place
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
        over = [place for place, made in self._fulfilled.items() if made[-1].until < now]
        for place in over:
            del self._fulfilled[place]

    def get(self, token: int) -> Announcement | None:
        """Return what stands under *token*, and leave it."""
        return self._by_token.get(token)

    def __len__(self) -> int:
        return len(self._by_token)

    def _remove(self, token: int) -> None:
        made = self._by_token.pop(token)
        place, port = made.place, made.port
        tokens = self._by_place[place]
        tokens.remove(token)
        if not tokens:
            del self._by_place[place]
        left = self._ports.pop(port) - 1
        if left:
            self._ports[port] = left
        self._untell(token)


def normal(address: str) -> str:
    """Return an address in its normal form; empty for what is not an address."""
    return address if not address or dotted(address) else _normal(address)


@lru_cache(maxsize=4096)
def _normal(address: str) -> str:
    try:
        return strict(address)
    except ValueError:
        return ""
