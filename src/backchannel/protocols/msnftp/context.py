"""What an invitation tells the file transfer that follows it."""

import msgspec


class FileInvitation(msgspec.Struct, frozen=True):
    """An accepted invitation to a file."""

    cookie: str
    """The invitation's; it is the transfer's id."""
    sender: str
    recipient: str
    auth: str = ""
    """What the receiver must show."""
    name: str = ""
    size: int | None = None

    @property
    def key(self) -> str:
        """Names the file on the switchboards and on the flow that carries it."""
        return f"msnftp:{self.cookie}:{self.sender}:{self.recipient}"
