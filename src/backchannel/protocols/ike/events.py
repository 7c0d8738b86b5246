"""What only IKE can tell: exchanges, proposals, who is behind a NAT, how far a tunnel came.

SPIs are sixteen hexadecimal digits; the responder's is empty while there is none. Together they
name an IKE security association (SA), whatever addresses and ports carry it.
"""

from typing import Literal, TypeAlias

import msgspec

from backchannel.events import Event
from backchannel.model import Capability
from backchannel.protocols.ike.algorithms import Strength


class _IkeEvent(Event, frozen=True, kw_only=True):
    """What all of them have: whose SA it is."""

    PROTOCOL = "ike"
    initiator_spi: str
    responder_spi: str = ""
    version: Literal[1, 2]
    sender: Literal["initiator", "responder", ""] = ""
    """Who of the two sent it; empty where the beginning was not seen and IKEv1 does not tell."""


class IkeMessage(_IkeEvent, frozen=True, kw_only=True):
    """One message, or one fragment of one."""

    exchange: str
    message_id: int
    response: bool | None = None
    """IKEv2 tells requests from responses; None for IKEv1."""
    encrypted: bool = False
    payloads: tuple[str, ...] = ()
    """The payloads in clear, in order, by name."""
    first_inside: str = ""
    """The first payload inside the encrypted one, which IKE leaves in clear; empty for none."""
    size: int = 0
    fragment: int = 0
    fragments: int = 0
    """Which fragment of how many; 0 where it is whole, or where IKEv1 does not say how many."""
    retransmission: bool = False
    """The same message was seen before; nothing else is told of it."""
    framing: Literal["plain", "non-esp-marker", "tcp", "reassembled"] = "plain"


class Algorithm(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One algorithm of a proposal."""

    kind: str
    """`encryption`, `integrity`, `prf`, `hash`, `group`, `additional-group-1`, `authentication`,
    `sequence-numbers`, `mode` ..."""
    name: str
    number: int
    bits: int = 0
    """Key length, where told."""
    strength: Strength = "strong"


class Suite(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What goes together: one transform of IKEv1, or one proposal of IKEv2 (any of each kind)."""

    number: int
    protocol: str
    spi: str = ""
    algorithms: tuple[Algorithm, ...] = ()
    seconds: int | None = None
    kilobytes: int | None = None
    """Lifetime, where told (IKEv1)."""


class IkeProposals(_IkeEvent, frozen=True, kw_only=True):
    """What one peer offers for an SA, or what the other chose of it."""

    CAPABILITY = Capability.TUNNEL
    exchange: str
    chosen: bool
    suites: tuple[Suite, ...]
    weak: tuple[str, ...] = ()
    """Names of those that should not be used any more, and `PSK in aggressive mode`,
    `SHA1 in signatures` where that holds."""


class NatHash(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One hash of an address, and whether it is that of the address which this flow shows."""

    of: Literal["initiator", "responder"]
    by: Literal["initiator", "responder"]
    """Who sent the hash: about itself, or about the peer as it sees it."""
    matches: Literal["address and port", "address", "nothing"]
    seen: str
    """Address and port that this flow shows for it."""
    value: str
    """The hash in hexadecimal."""


class NatDetection(_IkeEvent, frozen=True, kw_only=True):
    """Who is behind a NAT: computed from hashes and the addresses seen here, not believed."""

    behind_nat: Literal["initiator", "responder", "both", "none", "unknown"]
    """`unknown`: no hash matches anything, as of stacks that send random numbers."""
    claimed: tuple[Literal["initiator", "responder"], ...] = ()
    """Who says so by its own hash alone, while its peer sees the very address that is seen here:
    there is a NAT between it and this place, or it made the hash up, as some stacks do to have
    their ESP carried in UDP. It is `behind_nat` too where nothing better speaks for a NAT."""
    hashes: tuple[NatHash, ...] = ()
    method: str = ""
    """RFC 7296, RFC 3947, or the drafts before it."""


class IkeNotify(_IkeEvent, frozen=True, kw_only=True):
    """A notification in clear."""

    name: str
    number: int
    error: bool = False
    protocol: str = ""
    spi: str = ""
    detail: str = ""


class IkeDelete(_IkeEvent, frozen=True, kw_only=True):
    """An SA is deleted, in clear, as nobody should: anybody could send that."""

    protocol: str = ""
    spis: tuple[str, ...] = ()


class IkeIdentity(_IkeEvent, frozen=True, kw_only=True):
    """A peer's identity in clear: aggressive and base mode."""

    kind: str
    value: str


class VendorIds(_IkeEvent, frozen=True, kw_only=True):
    """Vendor ids of one message: what the sender is, or can do beyond the standard."""

    names: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """Those that nobody has named, in hexadecimal."""


class IkeCertificate(_IkeEvent, frozen=True, kw_only=True):
    """A certificate in clear, or a request for one of certain authorities."""

    request: bool
    encoding: str
    names: tuple[str, ...] = ()
    """Authorities or subject: distinguished names, or SHA-1 hashes of their keys (IKEv2)."""
    size: int = 0


Stage: TypeAlias = Literal[
    "initiated",
    "unanswered",
    "cookie-required",
    "retry-required",
    "redirected",
    "refused",
    "answered",
    "answer-alone",
    "authenticating",
    "authentication-answered",
    "established",
    "silent",
    "rekeying",
    "deleting",
]


class IkeStage(_IkeEvent, frozen=True, kw_only=True):
    """How far an SA came, as this flow shows it; told for each step forward. `answer-alone` is an
    answer to a question that the flow did not show before it. `unanswered` and `silent` are told at
    the end of a flow: somebody asked again and again, before the SA was up, or later. So is
    `refused`, by an error in clear, where there was an answer before.

    What follows on another flow (the float from port 500 to 4500) has the same SPIs.
    """

    CAPABILITY = Capability.TUNNEL
    stage: Stage
    detail: str = ""
