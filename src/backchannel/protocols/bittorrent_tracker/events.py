"""What trackers and their askers tell that the shared vocabulary cannot say."""

from backchannel.events import Event
from backchannel.model import Capability


class TrackerAnnounce(Event, frozen=True, kw_only=True):
    """A program tells a tracker that it takes part in a torrent, and asks who else does."""

    CAPABILITY = Capability.SEARCH
    hash: str
    """Info hash in hexadecimal."""
    peer: str
    """Peer id, in hexadecimal where it is not text."""
    stage: str = ""
    """`started`, `completed`, `stopped`; empty for one in between."""
    uploaded: int = 0
    """Bytes of it that the program sent to others so far, as it says."""
    downloaded: int = 0
    left: int = 0
    """Bytes that it does not have yet; 0: it has all."""
    port: int = 0
    """Where it listens."""
    tracker: str = ""
    """Host name of the tracker, where told."""


class TrackerAnswer(Event, frozen=True, kw_only=True):
    """What a tracker answers, beside the peers."""

    CAPABILITY = Capability.SEARCH
    hash: str = ""
    """Info hash of the question; empty where that was not captured or for several."""
    interval: int = 0
    """Seconds after which to ask again."""
    peers: int = 0
    """Peers that it names."""
    failure: str = ""
    """Why it refuses."""
    warning: str = ""
