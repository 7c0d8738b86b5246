"""What only STUN can tell: ICE's checks, a relay's allocations, and what shares the flow."""

from typing import Literal

from backchannel.events import Event
from backchannel.model import Capability


class IceCheck(Event, frozen=True, kw_only=True):
    """One side checks whether it reaches the other this way (RFC 8445). Told when its names are
    new, and when the pair is nominated, which means that the call goes this way.
    """

    username: str
    """The fragments of the receiver and the sender, with a colon between; the call's signalling
    announces both."""
    role: Literal["controlling", "controlled", ""] = ""
    nominated: bool = False
    vendor: str = ""
    """Whose attributes it has, where they are publicly described."""


class TurnAllocation(Event, frozen=True, kw_only=True):
    """A relay gave somebody an address, or refused to, or the allocation was given back."""

    CAPABILITY = Capability.TUNNEL
    state: Literal["granted", "refused", "released"]
    account: str = ""
    realm: str = ""
    address: str = ""
    """The relayed address: what peers see of the client."""
    port: int = 0
    transport: Literal["udp", "tcp"] = "udp"
    """Between the relay and the peers."""
    lifetime: int = 0
    """Seconds, where told."""
    code: int = 0
    """Of the refusal: 401 unauthorized, 403 forbidden, 441 wrong credentials, 486 quota ..."""


class TurnPeerReached(Event, frozen=True, kw_only=True):
    """A relay does reach a peer: a datagram came from there, or the connection that was asked for
    stands. A permission alone is given without trying.
    """

    CAPABILITY = Capability.TUNNEL
    address: str
    port: int
    transport: Literal["udp", "tcp"] = "udp"
    relayed: str = ""
    """The address that the relay gave the client; empty where that was not seen."""


class StunCarries(Event, frozen=True, kw_only=True):
    """Something else goes over the same flow (RFC 7983); told once of each kind."""

    kind: Literal["dtls", "media", "zrtp", "channel-data", "other"]
    """`media`: RTP, mostly encrypted (SRTP); see `media-stream`."""
    detail: str = ""
    """Of DTLS, its version and the profiles of SRTP that are offered; none means data channels
    only."""


class StunCall(Event, frozen=True, kw_only=True):
    """The bytes show whose call a flow belongs to; the service is that of the flow from here on."""

    CAPABILITY = Capability.VOICE_VIDEO
    by: Literal["microsoft-ice", "microsoft-turn", "whatsapp", "realm", "socket"]
    """What shows it: attributes and methods that only they have, the realm of their relay, or that
    a program whose calls were known has the same address and port."""
