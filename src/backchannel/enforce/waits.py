"""Which packets of flows under way wait, and what their senders are told meanwhile."""

from collections.abc import Mapping, Sequence
from socket import IPPROTO_TCP

from backchannel.enforce import signs
from backchannel.enforce.asking import Asking, between
from backchannel.enforce.flow import Flow
from backchannel.enforce.hold import Held, Holds, Lane
from backchannel.enforce.nfqueue import ACCEPT
from backchannel.enforce.nudge import nudge
from backchannel.enforce.refuse import Refuser
from backchannel.enforce.sift import Packet, Sift
from backchannel.enforce.tcp import ACK, RST, SYN
from backchannel.engine.stream import Stream
from backchannel.model import Side

LATES = 3
"""Times that the end of a message is waited for in vain before all of it passes."""


class Waits:
    """Holds packets by what their flows are, and lets them go."""

    def __init__(self, asking: Asking, flows: Mapping[int, Flow], refuser: Refuser) -> None:
        self._asking, self._flows, self._refuser = asking, flows, refuser
        self._sift: Sift | None = None
        self._holds: Holds | None = None
        self.now = 0
        """Nanoseconds since 1970, as of the packet in hand."""

    @property
    def holds(self) -> Holds:
        """What waits."""
        assert self._holds is not None
        return self._holds

    def attach(self, sift: Sift, holds: Holds) -> None:
        """Meet those who know what is in order, and keep what waits."""
        self._sift, self._holds = sift, holds

    # -- packets ---------------------------------------------------------------------------------

    @staticmethod
    def note(packet: Packet, flow: Flow) -> None:
        """Remember what the receiver of the other side's bytes says of them."""
        if packet.protocol == IPPROTO_TCP and packet.flags & (SYN | RST | ACK) == ACK:
            flow.acked[1 - packet.side] = packet.acked
            flow.windows[1 - packet.side] = packet.window

    def behind_a_hole(self, packet: Packet) -> None:
        """Let a packet wait for the bytes before it, where anything can be refused."""
        if self._asking.law.mild:
            packet.queue.judge(packet.number, ACCEPT)
        else:
            self.holds.hold(packet)

    def within_message(self, packet: Packet, flow: Flow, stream: Stream) -> bool:
        """Say whether *packet* ends within a message that may turn out to be refused."""
        law = self._asking.law
        for each in signs.tree(stream):
            ends = between(flow, each)
            for protocol in signs.within_message(each, Side(packet.side)):
                if protocol in signs.CARRIERS and not law.mild:
                    return True  # nothing is known yet of what it asks for, or of whom
                if law.refuses(law.family(protocol, each.service), ends):
                    return True
        flow.long.discard(packet.side)
        flow.wronged.discard(packet.side)
        flow.lates[packet.side] = 0
        self.release(packet)
        return False

    def for_the_end(self, packet: Packet, flow: Flow, *, known: bool = False) -> None:
        """Let a packet wait for the end of its message, unless that is long. *known*: what it is
        of is known, and not only what it may be of.
        """
        if packet.side in flow.long or not packet.length:
            self.release(packet)
            packet.queue.judge(packet.number, ACCEPT)
        elif not self.holds.hold_message(packet, wronged=known and packet.side in flow.wronged):
            flow.long.add(packet.side)
            packet.queue.judge(packet.number, ACCEPT)

    def release(self, packet: Packet) -> None:
        """Let go what waited for the end of the message that *packet* ends."""
        if self.holds:
            self.holds.release(packet.slot, packet.serial, packet.side)

    # -- what the holds call ---------------------------------------------------------------------

    def late(self, lane: Lane, passed: bool) -> None:
        """A message did not come to its end, and was let *passed* or dropped. What comes of it next
        waits again: a few times, or for as long as it takes.
        """
        flow = self._flow(lane)
        if flow is not None and not passed:
            flow.wronged.add(lane.side)
        elif flow is not None:
            flow.lates[lane.side] += 1
            if flow.lates[lane.side] >= LATES:
                flow.long.add(lane.side)

    def nudge(self, lane: Lane, held: Sequence[Held]) -> int:
        """Tell the sender of packets that wait that they came; return how many packets of ours must
        have left until it is told.
        """
        assert self._sift is not None
        flow = self._flow(lane)
        if flow is None or flow.refused is not None:
            return 0
        acked = flow.acked[lane.side]
        if acked < 0:
            acked = self._sift.initial(lane.slot, lane.side, lane.serial)
        if acked < 0:
            return 0
        parts = [(each.begin, each.end) for each in held]
        message = any(each.message for each in held)
        window = flow.windows[lane.side]
        made = nudge(parts, held[-1].head, acked, window, message=message)
        return max(map(self._refuser.tell, made), default=0)

    def _flow(self, lane: Lane) -> Flow | None:
        flow = self._flows.get(lane.slot)
        return flow if flow is not None and flow.row.serial == lane.serial else None
