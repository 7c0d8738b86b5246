"""Tables that a session keeps within a bound, whatever its peers tell."""

from collections.abc import MutableMapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def remember(table: MutableMapping[K, V], key: K, value: V, limit: int = 256) -> None:
    """Put *value* into *table*; where that makes more than *limit* entries, the oldest goes."""
    if key not in table and len(table) >= limit:
        del table[next(iter(table))]
    table[key] = value
