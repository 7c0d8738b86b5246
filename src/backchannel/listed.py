"""Lists in sentences."""

from collections.abc import Iterable


def listed(things: Iterable[object], most: int = 3) -> str:
    """Return *things* with commas, the first *most* of them, and how many more there are."""
    words = [str(thing) for thing in things]
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
