"""What a DCC offer tells the connection that follows it."""

from typing import Literal

import msgspec


class DccOffer(msgspec.Struct, frozen=True):
    """An offer of a file, or of a chat, from one client to another."""

    kind: Literal["send", "chat"]
    sender: str
    """Who offers; of a file, who sends it."""
    recipient: str
    name: str = ""
    size: int | None = None
    id: str = ""
    """The offer's token, or else its port: what later lines name it by."""
    at: int = 0
    """Byte of the file at which it goes on, where it was resumed."""
    passive: bool = False
    """Whether the recipient listens, and the sender connects."""
    secure: bool = False
    """Whether it is said to be inside TLS (SSEND, SCHAT)."""
