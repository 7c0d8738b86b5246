"""What only OpenVPN can tell: resets, how the control channel is wrapped, what the data came to."""

from typing import Literal

from backchannel.events import Event
from backchannel.model import Capability
from backchannel.protocols.openvpn.wire import Wrapping


class OpenvpnHandshake(Event, frozen=True, kw_only=True):
    """A session began, was answered, or gets new keys."""

    CAPABILITY = Capability.TUNNEL
    stage: Literal["initiated", "answered", "rekeying", "unanswered"]
    """`rekeying`: one side asks for new keys, every hour unless set otherwise; `unanswered`: told
    at the end of a flow."""
    wrapping: Wrapping
    """How the control channel is protected beside TLS: `tls-auth` signs it, `tls-crypt` hides it
    with a key that all clients share, `tls-crypt-v2` with one for each client."""
    hmac: int = 0
    """Bits of tls-auth's HMAC: 160 is SHA-1."""
    session: str
    """Session id of the sender, in hexadecimal."""
    remote: str = ""
    """That of the other side, where the packet tells it in clear."""
    key: int = 0
    """Number of the key, 0 to 7."""
    attempt: int = 1


class OpenvpnTraffic(Event, frozen=True, kw_only=True):
    """Data that one side sent, so far. All figures are cumulative."""

    CAPABILITY = Capability.TUNNEL
    state: Literal["begins", "counted", "ends"]
    """`counted`: it goes on, and enough was seen of it to stop counting."""
    version: Literal[1, 2]
    """Of the data packets: those of version 2 have a peer number, so that clients may change their
    address (float)."""
    peer: int | None = None
    """The client's number at the server."""
    keys: tuple[int, ...] = ()
    """Numbers of the keys in use so far."""
    packets: int
    octets: int
    """Bytes of OpenVPN packets, headers included."""
