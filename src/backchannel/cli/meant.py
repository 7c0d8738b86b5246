"""Suggestions for a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def meant(name: str, known: Iterable[str]) -> str:
    """Suggest the *known* names that are like *name*; all of them where none is."""
    there = list(known)
    close = [each for each in there if name and (name in each or each in name)]
    close = close or get_close_matches(name, there)
    return f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(there)}"
