"""What Gnutella and Gnutella2 tell that the shared vocabulary cannot say."""

from typing import Literal

from backchannel.events import Event
from backchannel.model import Capability


class Handshake(Event, frozen=True, kw_only=True):
    """One header block of a 0.4 or 0.6 handshake: a servent joins the network through another."""

    CAPABILITY = Capability.FILE_SHARING
    step: Literal["connect", "answer"]
    """`connect` opens; each later block, of either side, is an `answer`."""
    version: str
    network: Literal["gnutella", "gnutella2"] = "gnutella"
    code: int = 0
    """Status of an answer; 200 accepts. 0 for a `connect`."""
    reason: str = ""
    role: str = ""
    """What the sender says it is: `ultrapeer`, `hub`, `leaf`, or nothing."""
    agent: str = ""
    deflate: bool = False
    """The sender compresses what it will send."""
    tls: bool = False
    """The sender offers (first block), or agrees, to go on inside TLS."""
    headers: tuple[tuple[str, str], ...] = ()


class Messages(Event, frozen=True, kw_only=True):
    """How many messages of each kind one side of a flow sent; told once, at its end."""

    counts: tuple[tuple[str, int], ...]
    octets: int = 0
    """Bytes of messages, headers included, after compression was undone."""


class RouteTable(Event, frozen=True, kw_only=True):
    """A query routing table was sent: which words somebody has files for, hashed."""

    CAPABILITY = Capability.FILE_SHARING
    slots: int
    """Entries of the table."""
    changed: int = 0
    """Entries that this update sets or clears: at first, roughly the words that are shared."""
    patches: int = 0
    octets: int = 0
    complete: bool = True


class VendorMessage(Event, frozen=True, kw_only=True):
    """A message that one vendor defined, such as `LIME/12v2`."""

    code: str
    meaning: str = ""
    detail: str = ""


class PushAnswered(Event, frozen=True, kw_only=True):
    """A servent that was asked to push connects and offers a file (GIV); the other side asks."""

    CAPABILITY = Capability.FILE_SHARING
    servent: str
    index: int = 0
    name: str = ""


class QueueTurn(Event, frozen=True, kw_only=True):
    """An uploader calls back whoever waits in its queue (PARQ); the other side asks again."""

    CAPABILITY = Capability.FILE_SHARING
    id: str
    """The place's id, which answers and requests name in `X-Queued`."""


class HashTree(Event, frozen=True, kw_only=True):
    """Somebody asks for the hash tree of a file (THEX)."""

    CAPABILITY = Capability.FILE_SHARING
    hash: str
    target: str


class BrowseHost(Event, frozen=True, kw_only=True):
    """Somebody asks for the list of everything that a host shares."""

    CAPABILITY = Capability.FILE_SHARING
    target: str


class Refused(Event, frozen=True, kw_only=True):
    """A download or a push was refused, or put into the uploader's queue."""

    CAPABILITY = Capability.FILE_SHARING
    status: int
    reason: str
    position: int = 0
    """Place in the queue; 0 where there is none."""
    length: int = 0


class WebCache(Event, frozen=True, kw_only=True):
    """A servent asks a web cache for hosts, or tells it one: how it finds the network."""

    CAPABILITY = Capability.FILE_SHARING
    host: str
    path: str
    asks: tuple[str, ...]
    """`hostfile`, `urlfile`, `get`, `update`, `ping`, `statfile`, `gwcs`, `bfile`."""
    network: str = ""
    client: str = ""
    version: str = ""


class WebCacheList(Event, frozen=True, kw_only=True):
    """Addresses of further web caches, as one told them."""

    urls: tuple[str, ...]
