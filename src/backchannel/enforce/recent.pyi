"""The newest packets, so that a refusal can show its conversation. Compiled."""

class Recent:
    """The newest packets of all flows, in memory that does not grow."""

    def __init__(self, size: int, flows: int) -> None:
        """*size*: bytes in all; *flows*: how many newest flows can be told apart."""
    def keep(self, serial: int, time: int, packet: bytes) -> None:
        """Keep a packet of the flow *serial*, seen at *time* (ns)."""
    def packets(self, serial: int, most: int) -> list[tuple[int, bytes]]:
        """Return (time, packet) of the newest packets of the flow *serial* that are still there,
        *most* bytes in all, the oldest first.
        """
