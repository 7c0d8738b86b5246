"""Undo zlib's compression of one piece, within a bound."""

import zlib

from backchannel.reader import WireError


def inflate(data: bytes, limit: int = 1 << 20) -> bytes:
    """Return what *data* unfolds to. Raises WireError on damage or above *limit* bytes."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise WireError("damaged deflate data") from error
    if len(plain) > limit:
        raise WireError(f"deflate data expand beyond {limit} bytes")
    if not stream.eof:
        raise WireError("deflate data cut short")
    return plain
