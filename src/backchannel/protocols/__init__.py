"""One folder a protocol. Nothing to register: a folder with a `PROTOCOL` is found by its place.

    protocols/NAME/__init__.py   PROTOCOL = Protocol(...): the name and the magic, nothing heavy
    protocols/NAME/session.py    recognise(peek), Session: imported when a flow first needs them
    protocols/NAME/recognise.py  recognise(peek), where it can do without the session

The types are in `backchannel.contract`; they are repeated here, where a protocol looks for them.
"""

from functools import cache
from importlib import import_module
from pathlib import Path

from backchannel.contract import (
    PEEK_LIMIT,
    Length,
    Magic,
    Output,
    Peek,
    Protocol,
    Session,
    Spread,
    Start,
    in_full,
)

__all__ = [
    "MOST",
    "PEEK_LIMIT",
    "Length",
    "Magic",
    "Output",
    "Peek",
    "Protocol",
    "Session",
    "Spread",
    "Start",
    "in_full",
    "load",
]

MOST = 64
"""Protocols there can be: sets of them are bits of one word, in the core and in the engine."""


@cache
def load() -> dict[str, Protocol]:
    """Return every protocol by name, sorted. Only the folders' `__init__` is imported."""
    found: dict[str, Protocol] = {}
    places = [
        place for place in Path(__file__).parent.iterdir() if (place / "__init__.py").is_file()
    ]
    for folder in sorted(place.name for place in places):
        protocol: Protocol = import_module(f"{__name__}.{folder}").PROTOCOL
        if protocol.name != folder.replace("_", "-"):
            raise TypeError(f"protocols/{folder} calls itself {protocol.name!r}")
        found[protocol.name] = protocol
    if len(found) > MOST:
        raise TypeError(
            f"{len(found)} protocols, and the core has bits for {MOST}: CONTRIBUTING.md"
        )
    return found
