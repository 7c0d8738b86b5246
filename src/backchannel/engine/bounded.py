"""A dictionary that forgets its oldest entry instead of growing without end."""

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(dict[K, V]):
    """Holds at most *limit* entries, if they come by `put`; every entry that had to go is counted
    under *name*.
    """

    __slots__ = ("_count", "_limit", "_name")

    def __init__(self, limit: int, name: str, count: Callable[[str], None]) -> None:
        super().__init__()
        self._limit, self._name, self._count = limit, name, count

    def put(self, key: K, value: V) -> None:
        """Set the value of *key*, making it the newest."""
        self.pop(key, None)
        if len(self) >= self._limit:
            del self[next(iter(self))]
            self._count(self._name)
        self[key] = value
