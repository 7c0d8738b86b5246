"""Imports what decoding may ask for later, while files can still be opened."""

import codecs
import contextlib
from encodings.aliases import aliases

from backchannel import protocols
from backchannel.text import unescape


def load_everything() -> None:
    """Import every decoder, entities of HTML, and every text encoding that a message may name."""
    for protocol in protocols.load().values():
        protocol.prepare()
    unescape("&amp;")
    for name in sorted(set(aliases.values())):
        with contextlib.suppress(LookupError, ImportError):  # some are of other systems
            codecs.lookup(name)
