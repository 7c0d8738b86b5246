"""What a link of Tor's shows."""

from typing import Literal

from backchannel.events import Event
from backchannel.model import Capability


class TorLink(Event, frozen=True, kw_only=True):
    """The connection is a link between a client, or a relay, and a relay of Tor's."""

    CAPABILITY = Capability.TUNNEL
    name: str
    """The host that the client pretends to want: a random one."""
    proof: Literal["certificate", "cells"]
    """`certificate`: the relay's has two random names too (before TLS 1.3); `cells`: what both
    encrypt has the sizes of Tor's cells."""
