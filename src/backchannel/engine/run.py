"""What the streams of a run share, and who talks with whom in the flows asked about last.

Names of ends are a third of what a stream takes, and most streams say nothing more once it is
proved what they speak: then the core, which knows all of them, is asked again.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from backchannel.contract import Reads, Start
from backchannel.engine.observation import FlowInfo
from backchannel.engine.stream import Stream
from backchannel.flows.core import FlowCore
from backchannel.model import Endpoint

REMEMBERED = 4096
"""Flows of which it is remembered who talks with whom."""


class Run:
    """What the streams of a run share."""

    __slots__ = ("_at", "_core", "_recent", "read", "recall")

    def __init__(self, core: FlowCore, recall: Callable[[str], Any]) -> None:
        self._core, self.recall = core, recall
        self.read: Reads | None = None
        """Both are told to sessions, see `Start`."""
        self._recent: list[Stream | None] = [None] * REMEMBERED
        self._at = 0

    def ask(self, stream: Stream) -> FlowInfo:
        """Return who talks with whom in the flow of *stream*, and remember it."""
        flow = self._told(stream)
        stream.ends = flow
        self.remember(stream)
        return flow

    def _told(self, stream: Stream) -> FlowInfo:
        """Return what the core says of it."""
        flow: FlowInfo = self._core.info(stream.slot)
        return replace(flow, client=flow.server, server=flow.client) if stream.turned else flow

    def remember(self, stream: Stream) -> None:
        """Remember who talks with whom in the flow of *stream*, instead of the longest known."""
        at = self._at
        before = self._recent[at]
        if before is not None:
            before.ends, before.spot = None, -1
            before.part()
        self._recent[at], stream.spot = stream, at
        self._at = at + 1 if at + 1 < REMEMBERED else 0

    def parties(self, stream: Stream) -> tuple[Endpoint, Endpoint]:
        """Return client and server of a flow's *stream* as its session is told."""
        flow = stream.info()
        return (flow.server, flow.client) if stream.turned else (flow.client, flow.server)

    def start(self, stream: Stream) -> Start:
        """Return what a session of a flow's *stream* may know when it begins."""
        flow = stream.info()
        client, server = self.parties(stream)
        return Start(
            flow.transport,
            client,
            server,
            stream.begun,
            number=flow.number or 0,
            read=self.read,
            recall=self.recall,
        )

    def close(self, stream: Stream) -> None:
        """The flow of *stream* is over: nobody can be asked about it any more. It does not take the
        place of one that goes on.
        """
        if stream.ends is None:
            stream.ends = self._told(stream)
        if stream.spot >= 0:
            self._recent[stream.spot], stream.spot = None, -1
