"""Imports what decoding may ask for later, while files can still be opened."""

import codecs
import contextlib
from encodings.aliases import aliases

from backchannel import protocols


def load_everything() -> None:
    """Import every decoder, and every text encoding that a message may name."""
    for protocol in protocols.load().values():
        protocol.prepare()
    for name in sorted(set(aliases.values())):
        with contextlib.suppress(LookupError, ImportError):  # some are of other systems
            codecs.lookup(name)
