"""One NMDC connection: commands of both sides in, events out; or one datagram, an answer.

A hub may compress what follows $ZOn; `Packed` bounds it.
"""

from backchannel.model import Side
from backchannel.protocols import Output, Start
from backchannel.protocols.dc_connection import Connection, Lane
from backchannel.protocols.dc_files import Packed
from backchannel.protocols.nmdc import hub, peer, wire
from backchannel.protocols.nmdc.recognise import recognise
from backchannel.protocols.nmdc.state import State
from backchannel.protocols.nmdc.wire import Command
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]


class Session(Connection[Command]):
    """Both directions of one connection."""

    ending = b"|"

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self._state = State(start)

    def _datagram(self, data: bytes) -> list[Output]:
        return [event for part in data.split(b"|")[:64] for event in _answer(part)]

    def _feed(self, side: Side, lane: Lane, data: bytes, told: list[Output]) -> None:
        while data and not lane.deaf:
            packed = lane.packed
            if packed is None:
                super()._feed(side, lane, data, told)
                data = b""
                if _inflates(lane):
                    data = bytes(lane.buffer)
                    lane.buffer.clear()
                continue
            for plain in packed.feed(data):
                super()._feed(side, lane, plain, told)
                if _is_lost(lane):
                    return
            data = packed.rest
            if packed.over:
                lane.packed = None

    def _read(self, raw: bytes, *, cut: bool) -> Command | None:
        if not raw or (cut and not raw.startswith((b"$", b"<"))):
            return None
        return wire.read(raw)

    def _tell(self, side: Side, lane: Lane, line: Command, told: list[Output]) -> bool:
        word, state = line.word, self._state
        if word in ("$MyNick", "$ADCGET", "$Direction"):
            state.peer = True
        if state.peer:
            self._judge(known=word in peer.KNOWN, neutral=bool(word))
            told += peer.tell(state, side, word, line.rest)
            self._bodies += 1
            if found := peer.body(state, side, word, line.rest, self._bodies):
                self._begin(*found, told)
            return True
        own = side is Side.CLIENT
        table = hub.CLIENT if own else hub.SERVER
        chat = not word and wire.chat(line.rest) is not None
        self._judge(known=word in table or word in hub.SILENT or chat, neutral=True)
        if not word:
            told += hub.said(state, line.rest, own)
        elif tell := table.get(word):
            told += tell(state, line.rest)
        elif word == "$ZOn" and not own and lane.packed is None:
            lane.packed = Packed()
            return False
        return True


def _inflates(lane: Lane) -> bool:
    """Whether what comes is compressed."""
    return lane.packed is not None


def _is_lost(lane: Lane) -> bool:
    return lane.deaf


def _answer(part: bytes) -> list[Output]:
    if not part.startswith(b"$SR "):
        return []
    try:
        return list(hub.result(wire.read(part).rest))
    except WireError:
        return []
