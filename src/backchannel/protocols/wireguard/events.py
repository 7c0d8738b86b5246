"""What only WireGuard can tell: handshakes, what each key carried, keep-alives, nodes' names."""

from typing import Literal

from backchannel.events import Event
from backchannel.model import Capability


class WireguardHandshake(Event, frozen=True, kw_only=True):
    """A handshake came a step further. The first one of a flow began the tunnel; later ones are for
    new keys, every two minutes while packets pass.
    """

    CAPABILITY = Capability.TUNNEL
    stage: Literal["initiated", "answered", "cookie-required", "unanswered"]
    """`cookie-required`: the responder is under load, or says so to whoever cannot answer;
    `unanswered`: told at the end of a flow."""
    initiator: Literal["client", "server"]
    initiator_index: str
    """Eight hexadecimal digits; new with each attempt."""
    responder_index: str = ""
    attempt: int = 1
    """Which initiation since the last answer; a peer repeats it every five seconds."""
    rekey: bool = False
    """Whether the flow had keys before."""
    reserved: str = ""
    """Three bytes that should be zero, in hexadecimal where they are not: Cloudflare's WARP."""


class WireguardTraffic(Event, frozen=True, kw_only=True):
    """The packets that one key carried one way, so far. All figures are cumulative."""

    CAPABILITY = Capability.TUNNEL
    state: Literal["begins", "counted", "ends"]
    """`counted`: it goes on, and enough was seen of it to stop counting."""
    index: str
    """The receiver's index; with the receiver's address it names the key."""
    packets: int
    octets: int
    """Bytes of UDP payload."""
    first: int
    """Counter of the first packet that was seen; 0 where its beginning was captured."""
    last: int
    missing: int = 0
    """Counters between them that were not seen: lost, or not captured."""
    late: int = 0
    """Packets that filled a hole after others had passed them."""
    replayed: int = 0
    """Packets whose counter had been seen before: replays, or a capture that doubles."""
    keepalives: int = 0
    """Packets with nothing inside."""


class WireguardKeepalive(Event, frozen=True, kw_only=True):
    """A packet with nothing inside: sent ten seconds after data that nothing answered, or at the
    interval that is set to keep a NAT mapping open. Told for the first 64 of a side.
    """

    count: int
    """How many of this side came so far."""


class TailscaleNode(Event, frozen=True, kw_only=True):
    """A node of a Tailscale network looks for a path to another (disco)."""

    CAPABILITY = Capability.TUNNEL
    key: str
    """Its public discovery key, in hexadecimal: the same to all its peers while it runs."""
