"""What Kad tells that the shared vocabulary cannot say."""

from backchannel.events import Event


class KadNode(Event, frozen=True, kw_only=True):
    """A node of Kad, and what it sent in this flow; told once, at its end.

    Look-ups of nodes are how the network works, so they are counted and not told one by one.
    """

    id: str = ""
    """Node id in hexadecimal; empty where no message had one."""
    version: int = 0
    """Of Kad, as the node says: 8 is eMule 0.49b, 9 is 0.50a."""
    counts: tuple[tuple[str, int], ...] = ()
    """Datagrams by name; `sealed` for those that were opened, `other` for what was not read."""
    contacts: int = 0
    """Nodes that its answers named."""
