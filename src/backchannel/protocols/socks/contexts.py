"""What an announced flow's session is told: the part that the flow plays for a SOCKS connection."""

import msgspec


class Relay(msgspec.Struct, frozen=True):
    """The flow carries the datagrams of a UDP ASSOCIATE."""

    user: str = ""


class Inbound(msgspec.Struct, frozen=True):
    """The flow is the connection that a BIND waits for; the proxy passes it to *owner*."""

    scheme: str
    owner: str
