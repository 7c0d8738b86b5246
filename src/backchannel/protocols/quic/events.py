"""What opens a QUIC connection, beside the hellos of TLS inside it."""

from typing import Literal

from backchannel.events import Event


class QuicStep(Event, frozen=True, kw_only=True):
    """A step in which a QUIC connection opens: proved by its key, or by an answer that fits.

    `initial`: a client's hello is whole. `early-data`: it sends data before the server answers
    (0-RTT). `retry`: the server asks for the same again, from an address that is proved by it.
    `version-negotiation`: the server does not speak the client's version.
    """

    step: Literal["initial", "early-data", "retry", "version-negotiation"]
    version: str
    """The client's: `1`, `2`, `draft-29`, `mvfst-2` ..."""
    offered: tuple[str, ...] = ()
    """The versions that the server speaks instead; those unknown in hexadecimal."""
