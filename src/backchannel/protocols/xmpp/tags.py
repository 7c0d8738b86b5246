"""What stands where in a tag of XML: names, white space, values. Positions in, positions out."""

_COLON, _EQUALS, _DOUBLE, _SINGLE, _LESS = b":=\"'<"
_SPACE, _FIRST, _INNER = 1, 2, 4


def _class(octet: int) -> int:
    """Return what a byte may be in a tag: white space, a name's first, a name's other bytes."""
    char = chr(octet)
    if char in " \t\r\n\f\v":
        return _SPACE
    if octet >= 0x80 or char.isalpha() or char == "_":
        return _FIRST | _INNER
    return _INNER if char.isdigit() or char in ".-" else 0


_CLASSES = bytes(map(_class, range(256)))


def blank_end(token: bytes, at: int) -> int:
    """Return where white space at *at* ends."""
    while at < len(token) and _CLASSES[token[at]] == _SPACE:
        at += 1
    return at


def name_end(token: bytes, at: int) -> int:
    """Return where the name at *at* ends, which may have a prefix; *at* where there is none."""
    end = _word_end(token, at)
    if end > at and end < len(token) and token[end] == _COLON:
        whole = _word_end(token, end + 1)
        return whole if whole > end + 1 else end
    return end


def value_start(token: bytes, at: int) -> int:
    """Return where the value of an attribute begins whose name ends at *at*; -1 for none."""
    at = blank_end(token, at)
    if at >= len(token) or token[at] != _EQUALS:
        return -1
    at = blank_end(token, at + 1)
    return at + 1 if at < len(token) and token[at] in (_DOUBLE, _SINGLE) else -1


def value_end(token: bytes, start: int) -> int:
    """Return where the value ends that begins at *start*, behind its quotation mark; -1 where it
    does not, or has a `<` in it.
    """
    at, quote = start, token[start - 1]
    while at < len(token) and token[at] != quote:
        if token[at] == _LESS:
            return -1
        at += 1
    return at if at < len(token) else -1


def _word_end(token: bytes, at: int) -> int:
    """Return where a name without prefix ends."""
    if at >= len(token) or not _CLASSES[token[at]] & _FIRST:
        return at
    while at < len(token) and _CLASSES[token[at]] & _INNER:
        at += 1
    return at
