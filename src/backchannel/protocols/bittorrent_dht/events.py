"""What the hash table tells that the shared vocabulary cannot say."""

from typing import Literal

from backchannel.events import Content, Event
from backchannel.model import Capability


class DhtNode(Event, frozen=True, kw_only=True):
    """A node of BitTorrent's hash table, and what it sent in this flow; told once, at its end."""

    id: str
    """Node id in hexadecimal; empty where no message had one."""
    software: str = ""
    """Program and version, where the node says so."""
    counts: tuple[tuple[str, int], ...] = ()
    """Messages by name: queries as the protocol calls them, `answer`, `error 203`; `foreign` for
    what is none."""
    nodes: int = 0
    """Nodes that its answers named."""
    samples: int = 0
    """Info hashes that its answers named to an indexer (BEP 51)."""
    stored: int = 0
    """Info hashes that it says it keeps (BEP 51)."""
    unasked: int = 0
    """Answers whose question was not seen."""
    read_only: bool = False
    """It asks and does not answer (BEP 43)."""


class DhtItem(Event, frozen=True, kw_only=True):
    """A value that is stored in the hash table, read from it or asked for (BEP 44)."""

    action: Literal["put", "get", "found"]
    target: str
    """Where it is stored: the SHA-1, in hexadecimal, of the value, or of public key and salt."""
    key: str = ""
    """Ed25519 public key of who may change it, in hexadecimal; empty where nobody may."""
    salt: Content = ""
    """Tells apart the values of one key; often a name."""
    sequence: int = 0
    """Counts the changes."""
    size: int = 0
    """Bytes of the value."""
    value: Content = ""
    """Its first bytes, as text or in hexadecimal."""


class Swarm(Event, frozen=True, kw_only=True):
    """How many share one content, as a tracker or the hash table tells."""

    CAPABILITY = Capability.SEARCH
    hash: str
    """Info hash in hexadecimal."""
    seeds: int
    """Peers that have all of it."""
    peers: int
    """Peers that fetch it still."""
    downloads: int = 0
    """Times it was fetched whole, where told."""
    estimated: bool = False
    """True where a Bloom filter told (BEP 33)."""
