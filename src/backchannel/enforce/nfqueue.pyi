"""A queue of the kernel whose packets wait for our verdict (nfnetlink_queue), compiled."""

ACCEPT: int
DROP: int

class Queue:
    """One NFQUEUE. Not for several threads. Answers are gathered and sent by `flush`."""

    number: int
    closed: bool
    """Whether it fails closed."""
    received: int
    """Packets that came."""
    answered: int
    """Verdicts sent."""
    overruns: int
    """Times that the kernel had packets for us and no room for them in the socket."""
    malformed: int
    """Messages that were not understood."""
    refused: int
    """Answers that the kernel did not take: packets that are gone, or a mangled one too long."""

    def __init__(
        self,
        number: int,
        *,
        length: int = 4096,
        buffer: int = 8 << 20,
        fail_open: bool = True,
        handle: int = -1,
    ) -> None:
        """Bind to queue *number* of this network namespace.

        *length* packets may wait; *buffer* bytes may be in the socket. When either is full the
        kernel lets further packets pass with *fail_open* and drops them without. Raises OSError:
        EPERM without CAP_NET_ADMIN, EBUSY where another program has the queue. *handle*: the
        socket of a queue that another process has bound like this; verdicts on it still need
        CAP_NET_ADMIN.
        """
    def fileno(self) -> int:
        """Return the socket, to wait on."""
    def receive(self) -> int:
        """Take the packets that wait, 64 at most; return how many. Never blocks."""
    def payload(self, at: int) -> bytes:
        """Return the bytes of a packet, from its IP header."""
    def identity(self, at: int) -> tuple[int, int, int, int, int]:
        """Return (id, mark, hook, interface it came from, interface it leaves by) of a packet."""
    def judge(
        self, packet: int, verdict: int, mark: int | None = None, payload: bytes = b""
    ) -> None:
        """Answer for the packet with this id, in any order.

        Its mark becomes *mark*; *payload*, where given, takes the packet's place.
        """
    def flush(self) -> None:
        """Send the answers."""
    def close(self) -> None:
        """Leave the queue; the kernel drops what still waits in it."""
