"""What one ICQ conversation over UDP must remember. Every collection has a bound."""

import msgspec

from backchannel.protocols import Start

MOST_SEEN, MOST_CONTACTS, MOST_ASKED, MOST_CUT = 256, 4096, 64, 8
LONGEST = 1 << 16
"""Bytes of a packet that comes in pieces."""


class State(msgspec.Struct):
    """Bounds: the last MOST_SEEN packets as hashes, addresses of MOST_CONTACTS people, MOST_ASKED
    questions, and MOST_CUT packets of LONGEST bytes that came in pieces.
    """

    start: Start
    account: str = ""
    port: int = 0
    """TCP port that the account's own program listens on."""
    address: str = ""
    """The account's own, as last told."""
    seen: dict[int, None] = msgspec.field(default_factory=dict)
    """Datagrams are sent again until they are acknowledged; each is told once."""
    addresses: dict[str, tuple[str, str, int]] = msgspec.field(default_factory=dict)
    asked: dict[int, str] = msgspec.field(default_factory=dict)
    """Sequence number of a question about somebody, and the UIN."""
    cut: dict[int, dict[int, bytes]] = msgspec.field(default_factory=dict)
