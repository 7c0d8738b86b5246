"""A dictionary that forgets its oldest entry instead of growing without end."""

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """Holds at most *limit* entries; every entry that had to go is counted under *name*."""

    def __init__(self, limit: int, name: str, count: Callable[[str], None]) -> None:
        self._limit, self._name, self._count = limit, name, count
        self._held: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Return the value of *key*; None where there is none."""
        return self._held.get(key)

    def put(self, key: K, value: V) -> None:
        """Set the value of *key*, making it the newest."""
        self._held.pop(key, None)
        if len(self._held) >= self._limit:
            del self._held[next(iter(self._held))]
            self._count(self._name)
        self._held[key] = value

    def pop(self, key: K) -> V | None:
        """Remove *key* and return its value."""
        return self._held.pop(key, None)

    def items(self) -> list[tuple[K, V]]:
        """Return all entries, oldest first."""
        return list(self._held.items())

    def values(self) -> list[V]:
        """Return all values, oldest first."""
        return list(self._held.values())

    def __len__(self) -> int:
        return len(self._held)
