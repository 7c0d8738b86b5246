"""What a magic may be, in the compiled core and in plain Python."""

from backchannel.contract import Magic

HEAD = 4096
"""Bytes of a head of lines that are searched for a magic's words."""

LONGEST = 112
"""Bytes of a pattern."""


def check(index: int, magic: Magic) -> None:
    """Raise ValueError for a magic that cannot be compiled."""
    if not 0 <= index < 64:
        raise ValueError(f"protocol index {index} is not in 0..63")
    if magic.length is not None and magic.length.size not in {1, 2, 3, 4}:
        raise ValueError(f"length field of {magic.length.size} bytes: {magic}")
    if len(magic.pattern) > LONGEST or magic.at > 1024 or len(magic.sizes) > 64:
        raise ValueError(f"magic too long: {magic}")
    some, unless, words = magic.some, magic.unless, magic.anywhere
    if some and (len(some) > 2 or max(map(len, some)) > len(magic.pattern)):
        raise ValueError(f"masks that do not lie over the pattern: {magic}")
    if magic.transport == "tcp" and (magic.multiple > 1 or (magic.length and magic.length.chain)):
        raise ValueError(f"streams have no size: {magic}")
    if magic.spread is not None and magic.spread.at + magic.spread.size > 64:
        raise ValueError(f"spread of bytes too far in: {magic}")
    if unless and (len(unless) > 16 or any(not 0 < len(word) <= 8 for word in unless)):
        raise ValueError(f"openings that cannot be compared: {magic}")
    if unless and max(map(len, unless)) > magic.minimum:
        raise ValueError(f"openings longer than what passes: {magic}")
    if words and (len(words) > 32 or any(map(_cannot_be_searched, words))):
        raise ValueError(f"words that cannot be searched for: {magic}")


def _cannot_be_searched(word: bytes) -> bool:
    return not 2 < len(word) <= 32 or word != word.lower()
