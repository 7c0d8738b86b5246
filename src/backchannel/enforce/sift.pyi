"""Queued packets through the packet core: what concerns nobody passes at once. Compiled."""

from collections.abc import Callable, Sequence

from backchannel.contract import Magic
from backchannel.enforce.nfqueue import Queue
from backchannel.enforce.recent import Recent
from backchannel.flows.core import Delivery, FlowCore

NONE: int
"""The packet belongs to no flow that could be told apart."""
UNDECIDED: int
"""Nobody wants the flow yet, and somebody still may."""
SETTLED: int
"""Nobody wants the flow, and nobody will."""
WANTED: int
"""Somebody looks at the flow."""

class Packet:
    """One queued packet and what the core says of its flow. Good until the queue's next packets."""

    queue: Queue
    number: int
    """The kernel's name of it, for `Queue.judge`."""
    mark: int
    hook: int
    incoming: int
    """Number of the interface it came from; 0 for our own."""
    outgoing: int
    """Number of the interface it will leave by; 0 where it is for us."""
    bridged: bool
    joined: bool
    """It stands for many segments that the kernel will cut it into: not to be changed in place."""
    kind: int
    """One of the four above."""
    slot: int
    """The flow's slot in the core; -1 where there is no flow."""
    side: int
    serial: int
    protocol: int
    """IP protocol number."""
    tunnelled: bool
    """The flow is inside another, whose connection the kernel knows alone."""
    begin: int
    """Sequence number of its first byte (TCP)."""
    length: int
    """Bytes above the transport header."""
    acked: int
    """What it acknowledges (TCP, with the flag ACK): the other side's next byte."""
    window: int
    """Its window field, not scaled."""
    opening: bool
    """It ends within the first bytes of a flow, which may become those of a protocol that
    `be_wary` told of: they agree with a magic as far as they go.
    """
    midway: bool
    """It holds data of a TCP connection whose beginning was not seen; never with `strict` off."""
    ahead: int
    """Bytes from where the side's bytes are known without a hole to the end of this packet: above
    0, some of them wait in the core."""
    conflicts: int
    """Segments of the flow so far that repeated bytes with other content."""
    flags: int
    """TCP flags."""
    packets: int
    """Packets of the flow that came to us so far."""

    @property
    def payload(self) -> bytes:
        """The packet's bytes, from its IP header."""

class Sift:
    """Brings packets to the core in order, answers for those that nobody wants."""

    passed: int
    """Packets of flows nobody wants, or wants yet, that were let pass."""
    settled: int
    """Flows that were given to the kernel because nobody wants them."""
    costs: list[int]
    """Flows decided after 1, 2, 3-4, 5-8, 9-16 ... packets."""
    careful: bool
    """Something waits: every packet comes to *judge*, so that none overtakes another."""
    strict: bool
    """Data of TCP connections whose beginning was not seen comes to *judge*."""

    unknown: bool
    """Whether flows of nobody we know may pass."""
    recent: Recent | None
    """Where packets are kept for evidence."""

    def __init__(
        self,
        core: FlowCore,
        deliver: Callable[[Sequence[Delivery]], object],
        judge: Callable[[Packet], object],
        *,
        pass_mark: int,
        mask: int,
        patience: int = 8,
        unknown: bool = True,
    ) -> None:
        """*deliver* takes what the core delivers, *judge* answers for packets of flows that
        somebody wants, for those with bytes behind a hole, and for what `careful`, `strict` and
        `be_wary` say. A flow nobody wants after *patience*
        payloads gets *pass_mark* (bits of *mask*), or comes to *judge* unless *unknown* may pass.
        """
    def be_wary(self, magics: Sequence[tuple[int, Magic]]) -> None:
        """Have first bytes brought to *judge* that may become one of *magics*, each with its
        protocol's number in the core, in place of those that were told before.
        """
    def turn(self, queue: Queue, now: int) -> int:
        """Take the packets that wait in *queue* at *now* (ns since 1970); return how many."""
    def known(self, slot: int, side: int, serial: int) -> int:
        """Return the sequence number up to which a side's bytes are known; -1: of no matter any
        more (the flow is gone, or nobody waits for its bytes).
        """
    def initial(self, slot: int, side: int, serial: int) -> int:
        """Return the sequence number of a side's first byte; -1 where it was not seen."""
    def decided(self, packets: int) -> None:
        """Note that a flow was decided after *packets*."""
