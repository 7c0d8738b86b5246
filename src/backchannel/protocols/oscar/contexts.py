"""What an OSCAR flow hands to the sessions of the flows that it announces. Frozen values."""

import msgspec

from backchannel.model import Capability


class Ticket(msgspec.Struct, frozen=True):
    """Goes with an announced connection to another OSCAR server."""

    cookie: str
    """`digest` of the login cookie that the client will show there."""
    session: str
    """Key of the session that it belongs to."""
    account: str
    room: str = ""
    """Name of the chat room, where the connection is for one."""


class Meeting(msgspec.Struct, frozen=True):
    """Goes with an announced connection between two clients (or to the proxy between them)."""

    cookie: str
    """The rendezvous cookie in hexadecimal; the connection's own messages repeat it."""
    use: Capability
    sender: str
    """Who sends the file or shares the files; who proposed a direct conversation."""
    recipient: str
    listener: str = ""
    """Who waits for the connection; empty where both go to the proxy."""
