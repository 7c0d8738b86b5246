"""What only FastTrack has to tell."""

from typing import Literal

from backchannel.events import Event, SharedFile
from backchannel.model import Capability


class Encryption(Event, frozen=True, kw_only=True):
    """Both ends of a session said which ciphers they scramble it with."""

    requested: str
    """The client's wish, as hexadecimal bits; empty where it was not seen."""
    used: str
    """What the supernode decided on."""
    readable: bool
    """False where nobody has described that cipher, so that the session stays unread."""


class Network(Event, frozen=True, kw_only=True):
    """Somebody says which network it belongs to: `KaZaA`, `Grokster`, `fileshare` (iMesh) ..."""

    name: str
    role: Literal["client", "server"]
    account: str = ""


class NetworkSize(Event, frozen=True, kw_only=True):
    """A supernode tells how large the network is."""

    users: int
    files: int
    gigabytes: int


class NetworkSettings(Event, frozen=True, kw_only=True):
    """A supernode hands out settings of the network (`field:value`)."""

    settings: tuple[str, ...]


class Unshare(Event, frozen=True, kw_only=True):
    """*owner* no longer offers a file."""

    CAPABILITY = Capability.FILE_SHARING
    owner: str
    file: SharedFile


class ListingRequest(Event, frozen=True, kw_only=True):
    """Somebody asks a node for what it shares, or for its state, by HTTP."""

    CAPABILITY = Capability.FILE_SHARING
    path: str
    account: str = ""
