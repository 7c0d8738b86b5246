"""What eDonkey and Kad tell that the shared vocabulary cannot say."""

from typing import Literal

from backchannel.events import Content, Event
from backchannel.model import Capability


class PeerGreeting(Event, frozen=True, kw_only=True):
    """Two who share files meet: one of them says who it is."""

    account: str
    to: str = ""
    use: Capability = Capability.FILE_SHARING
    """What the connection is for, as far as its opening says."""
    port: int = 0
    """Where it listens, where told."""
    server: str = ""
    """To which server it is signed on, where told."""

    @property
    def capability(self) -> Capability:
        """What the connection is for."""
        return self.use


class EdonkeyServer(Event, frozen=True, kw_only=True):
    """A server describes itself: its name, and how many users and files it knows of."""

    name: str = ""
    description: str = ""
    address: str = ""
    port: int = 0
    hash: str = ""
    users: int = 0
    files: int = 0
    version: str = ""


class Browse(Event, frozen=True, kw_only=True):
    """Somebody asks a client for the list of all that it shares, or is refused it."""

    CAPABILITY = Capability.FILE_SHARING
    owner: str
    """Whose files."""
    by: str = ""
    action: Literal["asked", "denied"] = "asked"
    folder: str = ""
    folders: tuple[str, ...] = ()
    """Folders that the owner names."""


class QueueRank(Event, frozen=True, kw_only=True):
    """An uploader says which place a downloader has in its queue."""

    CAPABILITY = Capability.FILE_SHARING
    account: str
    """Who waits."""
    rank: int
    hash: str = ""
    name: str = ""


class FileComment(Event, frozen=True, kw_only=True):
    """A user's comment on a file, and the rating given to it."""

    CAPABILITY = Capability.FILE_SHARING
    hash: str
    name: str = ""
    account: str = ""
    rating: int = 0
    """0: none; 1: invalid or corrupt; 2: poor; 3: fair; 4: good; 5: excellent."""
    text: Content = ""


class FilePreview(Event, frozen=True, kw_only=True):
    """Somebody asks for, or sends, still pictures of a film that is shared."""

    CAPABILITY = Capability.FILE_SHARING
    hash: str
    action: Literal["asked", "sent"]
    frames: int = 0


class FileParts(Event, frozen=True, kw_only=True):
    """What one flow brought of a file, and whether its parts have the hashes they should have; told
    once, at the flow's end.
    """

    CAPABILITY = Capability.FILE_SHARING
    hash: str
    name: str = ""
    octets: int = 0
    """Bytes of the file that came, after those that were packed were unpacked."""
    parts: int = 0
    """Parts of 9,728,000 bytes that it has; 0 where not told."""
    right: int = 0
    """Parts that came whole, and have their MD4."""
    wrong: int = 0


class Callback(Event, frozen=True, kw_only=True):
    """A server or a node is asked to make a client that cannot be reached connect outward."""

    CAPABILITY = Capability.FILE_SHARING
    account: str
    """Whom: a low client id, or a hash."""
    status: Literal["asked", "failed"] = "asked"
    hash: str = ""
    """Of the file that it is about, where told."""
