"""Who will open a flow that somebody announces.

What our own client says of itself anybody may come for. What it is told of somebody else was meant
for it alone: so nobody can announce away what others in its network open.
"""

from backchannel.protocols import Start


def opener(start: Start, address: str) -> str:
    """Return from where the client of *start* will connect to *address*, of which it was told;
    empty where that cannot be known: it may talk over IPv6, and be told of an address of version 4.
    """
    client = start.client.address
    return client if (":" in client) == (":" in address) else ""
