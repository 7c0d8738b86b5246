"""What programs and trackers say to each other, whichever way. Values only."""

import msgspec

HASH = 20
"""Bytes of an info hash."""
SWARMS = 128
"""Torrents of one question that are told."""


class Announce(msgspec.Struct, frozen=True, kw_only=True):
    """What a program tells a tracker."""

    hash: bytes
    peer: bytes
    port: int
    uploaded: int = 0
    downloaded: int = 0
    left: int = 0
    stage: str = ""
    """`started`, `completed`, `stopped`, or nothing."""
    addresses: tuple[str, ...] = ()
    """Addresses of its own that it names."""
    tracker: str = ""
    """Host name of the tracker, where told."""
    key: str = ""
    """By which a private tracker knows the user; empty where there is none."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a tracker answers to an announcement."""

    interval: int = 0
    seeds: int = 0
    others: int = 0
    downloads: int = 0
    peers: tuple[tuple[str, int], ...] = ()
    failure: str = ""
    warning: str = ""
