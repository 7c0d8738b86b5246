"""What peers tell that the shared vocabulary cannot say."""

from typing import Literal

from backchannel.events import Event
from backchannel.model import Capability


class PeerHandshake(Event, frozen=True, kw_only=True):
    """A BitTorrent peer opens a connection for one torrent, or answers it."""

    CAPABILITY = Capability.FILE_SHARING
    hash: str
    """Info hash in hexadecimal; of a version 2 torrent its first 20 bytes."""
    peer: str
    """Peer id, in hexadecimal where it is not text."""
    abilities: tuple[str, ...] = ()
    """What it says it can do: `dht`, `fast`, `extensions`, `version-2` ..."""


class PeersSealed(Event, frozen=True, kw_only=True):
    """Peers encrypt a connection (MSE), so that nothing of it can be read."""

    CAPABILITY = Capability.FILE_SHARING
    carrier: Literal["tcp", "utp"]


class Torrent(Event, frozen=True, kw_only=True):
    """What a torrent is, as its info dictionary says, which agrees with the info hash."""

    CAPABILITY = Capability.FILE_SHARING
    hash: str
    """Info hash in hexadecimal, as the handshake has it."""
    name: str
    size: int
    """Bytes of all files together."""
    files: int
    pieces: int
    piece_size: int
    version: str
    """`1`, `2`, or `1+2` for both at once."""
    private: bool = False
    """Peers are to be asked of its trackers alone (BEP 27)."""


class PeerTraffic(Event, frozen=True, kw_only=True):
    """What one side of a connection sent; told once, at its end."""

    CAPABILITY = Capability.FILE_SHARING
    hash: str
    """Info hash; empty where no handshake was seen."""
    peer: str
    uploaded: int = 0
    """Bytes of blocks that it sent."""
    blocks: int = 0
    pieces: int = 0
    """Pieces of which it sent anything."""
    taken: int = 0
    """Pieces among these that the other side then said it has: it has checked them."""
    verified: int = 0
    """Pieces that came whole and agree with their hash, where the hashes are known."""
    failed: int = 0
    """Pieces that do not agree."""
    has: int = 0
    """Pieces that it says it has."""
    seeds: bool = False
    """It says that it has all of them."""
    counts: tuple[tuple[str, int], ...] = ()
    """Messages by name."""
