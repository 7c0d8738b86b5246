"""What one IKE flow tells the session of a flow that it announced."""

import msgspec


class Float(msgspec.Struct, frozen=True):
    """The SA goes on from port 4500, behind a non-ESP marker and with ESP beside it."""

    key: str
    """The `Tie` key of the SA that announced it."""
    initiator: str = ""
    """The address that began it: IKEv1 does not say so in its messages."""
