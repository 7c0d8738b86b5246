"""What somebody may have meant by a name that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

NEAR = 3
"""Names that are suggested at most."""
LISTED = 40
"""Known names that are listed where none is like the one that was written."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return half a sentence with the *known* names that are like *name*, else with all of them."""
    names = list(known)
    parts = [each for each in names if len(min(name, each, key=len)) > 1]
    near = [each for each in parts if name in each or each in name]
    if near := near or get_close_matches(name, names):
        return f"did you mean {' or '.join(near[:NEAR])}?"
    more = ", ..." if len(names) > LISTED else ""
    return f"choose from {', '.join(names[:LISTED])}{more}"
