"""Addresses for plays: each has its own, as far as the policy leaves a choice, so that what the
kernel says of a pair of addresses belongs to one play. Where it leaves none, plays take turns.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network

from backchannel.prove.conversation import Conversation
from backchannel.prove.lab import INSIDE, MANY, OUTSIDE, Net
from backchannel.prove.methods import Method
from backchannel.prove.player import Places

ENOUGH = 4096
"""A network with more addresses than that gives each play its own."""
LOOKED_AT = 1 << 17
"""So many of its addresses are looked at for one of the right length."""


class Turns:
    """Addresses that plays have to share: one play at a time has them."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def free(self, addresses: Iterable[str]) -> bool:
        """Whether nobody has one of them."""
        return not any(self._locks[each].locked() for each in addresses)

    @asynccontextmanager
    async def taken(self, addresses: Iterable[str]) -> AsyncIterator[None]:
        """Wait for them, in an order that is the same for all, and have them for the block."""
        async with AsyncExitStack() as held:
            for each in sorted(set(addresses)):
                await held.enter_async_context(self._locks[each])
            yield


class Addresses:
    """Gives every play addresses that no other play uses, as far as there are any."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[Net, int]] = Counter()
        """By network and length: addresses at its beginning that are no more to be looked at."""
        self._shared: Counter[Net] = Counter()
        self._taken: set[str] = set()

    def take(
        self,
        inside: Sequence[str],
        outside: Sequence[str],
        conversation: Conversation,
        method: Method,
    ) -> tuple[Places, tuple[str, ...]]:
        """Return addresses of the networks *inside* and *outside* (none: wherever), and those among
        them that others have as well, so that plays must take turns.
        """
        client, alone = self._next(inside, INSIDE, method.version, conversation.inside)
        shared: tuple[str, ...] = () if alone else (client,)
        found = []
        for recorded in conversation.hosts:
            pool = (MANY, OUTSIDE[1]) if method.cut == "bytes" else OUTSIDE
            address, alone = self._next(outside, pool, method.version, recorded)
            shared += () if alone else (address,)
            found.append(address)
        proxy, _ = self._next((), OUTSIDE, 4)
        resolver, _ = self._next((), OUTSIDE, 4)
        return Places(client, tuple(found), proxy, resolver), shared

    def _next(
        self, named: Sequence[str], default: tuple[Net, Net], version: int, recorded: str = ""
    ) -> tuple[str, bool]:
        """Return an address of the named networks, and whether no other play has it.

        As long as the recorded one in digits, where there is such a one: then it can take its
        place in the bytes of a conversation.
        """
        nets = [net for net in map(ip_network, named) if net.version == version]
        net: Net = nets[0] if nets else default[0 if version == 4 else 1]
        first, count = _usable(net)
        if count > ENOUGH:
            length = len(recorded) if version == 4 else 0
            if fresh := self._fresh(net, length) or self._fresh(net, 0):
                return fresh, True
        address = str(net.network_address + first + self._shared[net] % count)
        self._shared[net] += 1
        self._taken.add(address)
        return address, False

    def _fresh(self, net: Net, length: int) -> str:
        """Return an address that no play has had, of *length* characters if that is not 0; nothing
        where none is left.
        """
        first, count = _usable(net)
        for place in range(self._seen[net, length], count):
            address = str(net.network_address + first + place)
            if address not in self._taken and length in (0, len(address)):
                self._seen[net, length] = place + 1
                self._taken.add(address)
                return address
        self._seen[net, length] = count
        return ""


def _usable(net: Net) -> tuple[int, int]:
    """Return the place of the first address that a host may have, and how many there are."""
    size = min(net.num_addresses, LOOKED_AT)
    return (1, size - 2) if size > 4 else (0, size)
