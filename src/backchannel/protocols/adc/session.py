"""One ADC connection: lines of both sides in, events out; or one datagram, an answer.

What a hub compresses (ZON) is not read.
"""

from backchannel.model import Side
from backchannel.protocols import Output, Start
from backchannel.protocols.adc import hub, peer, wire
from backchannel.protocols.adc.recognise import recognise
from backchannel.protocols.adc.state import State
from backchannel.protocols.adc.wire import Message
from backchannel.protocols.dc_connection import Connection, Lane
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]


class Session(Connection[Message]):
    """Both directions of one connection."""

    ending = b"\n"

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self._state = State(start)

    def _datagram(self, data: bytes) -> list[Output]:
        told: list[Output] = []
        for line in data.split(b"\n")[:64]:
            try:
                message = wire.read(line)
            except WireError:
                continue
            if (message.way, message.name) == ("U", "RES"):
                told += hub.result(self._state, message)
        return told

    def _read(self, raw: bytes, *, cut: bool) -> Message | None:
        if not raw.strip():
            return None  # still there
        try:
            return wire.read(raw.rstrip(b"\r"))
        except WireError:
            if cut:
                return None
            raise

    def _tell(self, side: Side, lane: Lane, line: Message, told: list[Output]) -> bool:
        state = self._state
        if line.way == "C":
            state.peer = True
            self._judge(known=line.name in peer.KNOWN)
            told += peer.tell(state, side, line)
            self._bodies += 1
            if body := peer.body(state, side, line, self._bodies):
                self._begin(side, body, told)
            return True
        tell = hub.MESSAGES.get(line.name)
        self._judge(known=tell is not None or line.name in hub.SILENT)
        if tell is not None and not state.peer:
            told += tell(state, line, side is Side.CLIENT)
        elif line.name == "ZON" and side is Side.SERVER:
            self._lose(lane)
        return True
