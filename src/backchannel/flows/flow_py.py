"""One flow, in plain Python: the twin of `flow_t`."""

from typing import Any

from backchannel.flows import row as rows
from backchannel.flows.decode_py import TCP, UDP, Packet
from backchannel.flows.settings import FlowSettings
from backchannel.flows.stream_py import Stream
from backchannel.model import Transport

FIN, SYN, RST, ACK = 1, 2, 4, 16


class Flow:
    """What is remembered of a flow. Pairs are (client, server); -1 is "not known"."""

    def __init__(self, serial: int, packet: Packet, key: Any, time: int, frame: int) -> None:
        self.serial, self.key, self.protocol = serial, key, packet.protocol
        self.context, self.types = packet.context, packet.types
        self.client = 0  # which end of the key is the client
        self.begun = self.wanted = self.dropped = self.kept = self.released = False
        self.hits = 0
        self.expected: list[int] = []
        self.first_time = self.last_time = time
        self.first_frame = self.last_frame = frame
        self.packets, self.bytes, self.payload = [0, 0], [0, 0], [0, 0]
        self.missed = [0, 0]
        self.tested = [0, 0]  # payloads compared with the magics
        self.tcp_flags = [0, 0]
        self.reset = False
        self.finished = [False, False]
        self.initial = [-1, -1]  # sequence number of the first byte
        self.next = [-1, -1]  # sequence number after the furthest byte seen
        self.opened = [False, False]  # it is known whether the first bytes are wanted
        self.strays = [0, 0]  # segments out of window in a row
        self.holes = [0, 0]
        self.hole_end = [0, 0]  # where the last hole ends, while there is one
        self.pending: tuple[int, int] | None = None  # (side, first byte) of another SYN
        self.retransmissions = self.out_of_order = self.zero_windows = self.conflicts = 0
        self.stream: Stream | None = None

    @property
    def transport(self) -> Transport:
        """What a `Magic` calls it."""
        return "tcp" if self.protocol == TCP else "udp" if self.protocol == UDP else "ip"

    @property
    def listening(self) -> bool:
        """Whether somebody wants its bytes."""
        return self.wanted and not self.dropped

    @property
    def closed(self) -> bool:
        """Whether both sides are through with it."""
        return self.reset or all(self.finished)

    @property
    def opening(self) -> bool:
        """Whether only one side has spoken, and only its SYN."""
        flags = self.tcp_flags
        alone = not (flags[0] and flags[1]) and bool((flags[0] | flags[1]) & SYN)
        return alone and not any(self.payload)

    @property
    def state(self) -> str:
        """The word for it; empty for what is not TCP."""
        if self.protocol != TCP:
            return ""
        if self.reset:
            return rows.RESET
        if any(self.finished):
            return rows.CLOSED if all(self.finished) else rows.CLOSING
        if self.opening:
            return rows.OPENING
        return rows.ESTABLISHED if self.begun else rows.MIDSTREAM

    def lifetime(self, settings: FlowSettings) -> int:
        """Return the seconds without a packet after which it is over."""
        if self.protocol == TCP:
            if self.closed:
                return settings.closed_idle
            if self.opening:
                return settings.opening_idle
            if not self.listening:
                return settings.tcp_idle
            return settings.tcp_wanted_idle if self.kept else settings.tcp_unproved_idle
        kept = self.listening and self.kept
        if self.protocol == UDP:
            return settings.udp_wanted_idle if kept else settings.udp_idle
        return settings.other_wanted_idle if kept else settings.other_idle
