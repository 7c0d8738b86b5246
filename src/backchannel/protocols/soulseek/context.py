"""What one connection of Soulseek tells of others that will come."""

import msgspec


class Call(msgspec.Struct, frozen=True):
    """A user was told where another one is, or to connect there."""

    listens: str
    """Who is connected to."""
    connects: str = ""
    """Who will connect, where told."""
    kind: str = ""
    """`P` for messages, `F` for a file, `D` for the tree of searches; empty: any."""
    token: int = 0
    masked: bool = False
    """Whether the port is one for obfuscated connections."""
