"""Flows that were announced.

Both cores use this one: the compiled one asks it only about flows whose address or port somebody
waits for, which `watch` tells it.
"""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address

Key = tuple[str, str, int]

LAST = (1 << 63) - 1
"""The latest time that a packet can have (ns since 1970)."""


class Expectation:
    """One call of `expect`."""

    __slots__ = ("key", "source", "token", "until")

    def __init__(self, token: int, key: Key, source: str, until: int) -> None:
        self.token, self.key, self.source, self.until = token, key, source, until

    def admits(self, source: str, time: int) -> bool:
        """Whether a flow from *source* that begins at *time* fulfils it."""
        return time <= self.until and (not self.source or self.source == source)


class Expectations:
    """All of them, found by the listening end; the oldest gives way to new ones."""

    def __init__(
        self,
        limit: int,
        count: Callable[[str], None],
        watch: Callable[[Key, str, int], None] = lambda _key, _source, _change: None,
    ) -> None:
        """*watch* is called with key, source and 1 when an expectation comes, -1 when it goes."""
        self._limit, self._count, self._watch = limit, count, watch
        self._all: dict[int, Expectation] = {}
        self._by_key: dict[Key, dict[int, Expectation]] = {}
        self._by_token: dict[int, set[int]] = {}
        self._made = 0

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, token: int, key: Key, source: str, until: int) -> Expectation:
        """Wait for flows to *key*: transport, address or "", port or 0."""
        if len(self._all) >= self._limit:
            self._count("expectations dropped to bound memory")
            self._remove(next(iter(self._all)))
        self._made += 1
        number = self._made
        made = Expectation(token, key, source, min(until, LAST))
        self._all[number] = made
        same = self._by_key.get(key)
        if same is None:
            self._by_key[key] = {number: made}
        else:
            same[number] = made
        named = self._by_token.get(token)
        if named is None:
            self._by_token[token] = {number}
        else:
            named.add(number)
        self._watch(key, source, 1)
        return made

    def forget(self, token: int) -> None:
        """Drop all with this token."""
        for number in sorted(self._by_token.get(token, ())):
            self._remove(number)

    def match(self, transport: str, source: str, address: str, port: int, time: int) -> list[int]:
        """Return the tokens that a flow from *source* to *address*:*port* fulfils."""
        found: set[int] = set()
        for key in (
            (transport, address, port),
            (transport, address, 0),
            (transport, "", port),
            (transport, "", 0),
        ):
            same = self._by_key.get(key)
            if same is not None:  # seldom: most flows were announced by nobody
                for made in same.values():
                    if made.admits(source, time):
                        found.add(made.token)
        return sorted(found)

    def _remove(self, number: int) -> None:
        made = self._all.pop(number)
        self._watch(made.key, made.source, -1)
        same = self._by_key[made.key]
        del same[number]
        if not same:
            del self._by_key[made.key]
        named = self._by_token[made.token]
        named.discard(number)
        if not named:
            del self._by_token[made.token]


def normal(address: str) -> str:
    """Return an address as flows have it; empty stays empty. Raises ValueError for other text."""
    return address if not address or dotted(address) else _parsed(address)


def dotted(address: str) -> bool:
    """Say whether *address* is one of IPv4 in its normal form: told at once, as most are."""
    digits = dots = 0
    first = second = "0"  # digits of the number under way
    for char in address:
        if char == ".":
            if not digits:
                return False
            digits, dots = 0, dots + 1
        elif not "0" <= char <= "9":
            return False
        elif not digits:
            digits, first = 1, char
        elif digits == 1 and first != "0":
            digits, second = 2, char
        elif digits == 2 and (first == "1" or (first == "2" and _below_56(second, char))):
            digits = 3
        else:
            return False
    return digits > 0 and dots == 3


def _below_56(tens: str, ones: str) -> bool:
    return tens < "5" or (tens == "5" and ones < "6")


@lru_cache(maxsize=4096)
def _parsed(address: str) -> str:
    return str(ip_address(address))
