"""The packet core: chunks in, deliveries of wanted flows and counts of all flows out. Compiled.

`core_py` is the same in plain Python, and the tests compare the two.

A flow is keyed by addresses, ports, IP protocol, VLAN tags and tunnels. It is *wanted* from the
moment one of its payloads matches a magic, it fulfils an expectation, or `want` is called; from
then on its bytes are delivered: TCP in order, everything else one DATA a packet. What happens
depends only on the packets and on what was called between which deliveries; never on the hash key,
on the size of chunks or on where memory lies.
"""

from collections.abc import Sequence
from typing import TypeAlias

from backchannel.capture.records import Chunk
from backchannel.contract import Magic
from backchannel.flows.columns import Column
from backchannel.flows.row import FlowInfo, FlowRow
from backchannel.flows.settings import FlowSettings

DATA: int
"""Bytes: in order (TCP), or the payload of one packet. The side's next byte is the next DATA's."""
GAP: int
"""Bytes of a TCP side that were never seen; the last field is how many."""
END: int
"""A TCP side sends no more: its FIN came in order and was acknowledged."""
CLOSED: int
"""The flow is over; the last field is one of the reasons below. Nothing of this slot follows."""

IDLE, REUSED, EVICTED, FINISHED = 0, 1, 2, 3
"""Reasons: nothing came for long (after FIN or RST soon); a new connection took its place; the
table was full; the input ended."""

Delivery: TypeAlias = tuple[int, int, int, int, int, bytes | int]
"""(flow slot, side, kind, nanoseconds since 1970, frame, payload | gap size | reason).

Time and frame are those of the packet that carried the bytes. Where it waited behind a hole, later
packets may have been delivered before. *side* is 0 for the client, 1 for the server; 0 in CLOSED.
"""

class Due:
    """The same, as `FlowCore.bring` tells it."""

    slot: int
    side: int
    kind: int
    time: int
    frame: int
    payload: bytes | int

class FlowCore:
    """The flow table and everything under it. One instance a run; not for several threads."""

    def __init__(
        self,
        magics: Sequence[tuple[int, Magic]],
        settings: FlowSettings = ...,
        names: Sequence[str] = (),
        everything: bool = False,
        *,
        name_gated: Sequence[int] = (),
        collect: bool = False,
    ) -> None:
        """*magics*: pairs of protocol index (< 64) and magic.

        A hit of a protocol in *name_gated* counts only when the payload's host name is one of
        *names* (lower case) or below it: the SNI of a ClientHello, a name in a DNS question or
        answer, or the Host of an HTTP request. Where the first bytes of a side end before the name
        comes (a long ClientHello, a request in small segments), more are waited for; when no more
        can be kept (`FlowSettings.opening_bytes`), or in the middle of a stream, the hit counts.
        *everything* lifts this.
        *collect*: keep a row of every flow that ends for `columns`.
        """
    def feed(self, chunk: Chunk) -> None:
        """Take the next packets; then call `take` until it returns [].

        Raises ValueError while an earlier chunk is not used up, and after `finish`.
        """
    def take(self) -> list[Delivery]:
        """Return the deliveries of the next packet (or step of expiry) that has any, or []."""
    def advance(self) -> int:
        """As `take`, for callers that take one after the other: go on to the next packet (or step
        of expiry) that has deliveries, for `bring`; return how many. 0: there is none.
        """
    def bring(self) -> Due:
        """Return the next of its deliveries, in one object that is filled anew. Raises IndexError
        behind the last.
        """
    def match(
        self,
        magics: Sequence[tuple[int, Magic]],
        names: Sequence[str] = (),
        everything: bool = False,
        *,
        name_gated: Sequence[int] = (),
    ) -> None:
        """From now on compare payloads with these, told as above; all flows stay."""
    def expire(self, now: int) -> None:
        """Time has passed until *now* (ns) without packets; then call `take` until it returns [].

        Looks at the next 65,536 flows, so that idle flows end on a quiet interface too. Raises
        ValueError as `feed` does.
        """
    def finish(self) -> None:
        """The input has ended: end all flows; then call `take` until it returns []."""
    def row(self, flow: int) -> FlowRow:
        """Return what is known of the flow in a slot: live, or CLOSED in the last batch taken.

        Raises KeyError for others.
        """
    def info(self, flow: int) -> FlowInfo:
        """Return who talks with whom, as `row` says: a third of its cost."""
    def whole(self, flow: int) -> bool:
        """Return whether deliveries began with the first byte: `FlowRow.begun`, nothing missed."""
    def figures(self, flow: int) -> tuple[int, int, int, int]:
        """Return packets and bytes of both sides, and when it began and was last seen, as `row`."""
    def volume(self, flow: int) -> int:
        """Return the bytes that both sides have sent so far: the sum of `FlowRow.bytes`."""
    def hits(self, flow: int) -> int:
        """Return `FlowRow.hits` alone, which is cheap."""
    def fitting(
        self, transport: str, payload: bytes, *, begun: bool = True, number: int = 0
    ) -> list[int]:
        """Return the protocols whose magic fits, or with more bytes may fit, the first bytes of a
        side of any stream, also one inside another; the longest pattern, which says most, comes
        first. Names gate nothing here.

        *begun*: they are its very first. *number* is the IP protocol's, where known.
        """
    def drop(self, flow: int) -> None:
        """Deliver no more of this flow but its CLOSED, whatever matches later; `want` undoes it."""
    def release(self, flow: int) -> None:
        """Nobody wants what came of this flow so far: it is as if no payload had matched. What
        follows is compared with the magics again, as far as `FlowSettings.payloads` allows; CLOSED
        is delivered in any case.
        """
    def keep(self, flow: int) -> None:
        """Let this flow be idle for as long as its `*_wanted_idle`: what it speaks is proved."""
    def want(self, flow: int) -> None:
        """Deliver this flow from now on."""
    def expect(
        self, token: int, transport: str, address: str, port: int, source: str, until: int
    ) -> None:
        """Want every flow to *address*:*port* from *source* that begins before *until* (ns).

        "" and 0 match anything, but not all three at once (ValueError). Where it is not known who
        opened a flow (UDP, mid-stream), either end may be *address*. Live flows that began after
        what was delivered last had been captured match too. *token* comes back in
        `FlowRow.expected`; several calls may share it.
        """
    def forget(self, token: int) -> None:
        """Expect this no longer."""
    def counters(self) -> dict[str, int]:
        """Return what could not be seen, kept or understood, by name; only what is not 0."""
    def totals(self) -> dict[str, int]:
        """Return `packets bytes flows first_time last_time`: all frames, captured bytes, flows."""
    def columns(self) -> dict[str, Column]:
        """Return the flows that ended since the last call as columns of equal length."""
