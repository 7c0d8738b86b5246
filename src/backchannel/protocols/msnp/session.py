"""One MSNP connection: both directions' bytes in, events out.

Dispatch, notification and switchboard servers speak one language; what a connection is shows in its
commands. Holds at most one line (16 KiB) or payload (256 KiB) a side, half messages (256 KiB),
half P2P messages (512 KiB), and bounded tables of people, groups and transactions.
"""

import msgspec

from backchannel.effects import Expect
from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.msnp import login
from backchannel.protocols.msnp.commands import HANDLERS
from backchannel.protocols.msnp.grammar import SEEK
from backchannel.protocols.msnp.recognise import recognise
from backchannel.protocols.msnp.state import Handler, State
from backchannel.protocols.msnp.switchboard import Conversation
from backchannel.protocols.msnp.wire import Command, Framer
from backchannel.protocols.opener import opener
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]

_PROVED = 3
"""Known commands after which the claim counts as parsed."""


class Session:
    """One connection to any of the servers."""

    def __init__(self, start: Start) -> None:
        self.service = "msn"
        self.standing = Standing.CLAIMED
        self.done = False
        self._state = State(start)
        self._conversation = Conversation()
        self._framers = {
            side: Framer(side, seek=None if start.begun else SEEK[side]) for side in Side
        }
        self._deaf: set[Side] = set()
        self._ended: set[Side] = set()
        self._known = self._unknown = 0
        self._special: dict[str, Handler] = {
            "MSG": self._conversation.message,
            "UUM": self._conversation.unified,
            "UBM": self._conversation.unified,
        }

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if side in self._deaf:
            return []
        framer = self._framers[side]
        framer.add(data)
        told: list[Output] = []
        try:
            while (command := framer.take()) is not None:
                told += self._command(side, command)
        except WireError as error:  # framing is lost: say so once, then be silent
            told.append(Malformed(reason=str(error)))
            self._deaf.add(side)
            framer.clear()
            self._doubt()
        return told

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen. Inside a payload the framing survives."""
        self._deaf.discard(side)
        self._framers[side].gap(size, SEEK[side])
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        self._framers[side].clear()
        self._deaf.add(side)
        self._ended.add(side)
        if len(self._ended) < len(Side) or self.done:
            return []
        self.done = True
        return self._state.link.end()

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a command and not ended it."""
        return self._framers[side].partial

    @property
    def aligned(self) -> bool:
        """Whether all bytes so far were whole commands that are known."""
        if not self._known or self._unknown:
            return False
        return all(each.aligned for each in self._framers.values())

    @property
    def amid(self) -> bool:
        """Whether commands were parts of something, which may have begun before the first."""
        return self._state.peering

    def _command(self, side: Side, command: Command) -> list[Output]:
        name = command.name
        if name.isdigit():
            return login.error(self._state, side, command)
        handler = self._special.get(name) or HANDLERS.get(name)
        if handler is None:
            self._unknown += 1
            if self._unknown > self._known:
                self._doubt()
            return []
        self._known += 1
        if self._known >= _PROVED and self._known > 2 * self._unknown:
            self.standing = Standing.PARSED
        if command.missing:
            return [Malformed(reason=f"{name} without its payload")]
        try:
            told = handler(self._state, side, command)
        except WireError as error:
            return [Malformed(reason=f"{name}: {error}")]
        return told if side is Side.CLIENT else list(map(self._awaited, told))

    def _awaited(self, output: Output) -> Output:
        """Return an output; where others are said to wait for a connection, it is our client's."""
        if type(output) is not Expect or output.source:
            return output
        source = opener(self._state.start, output.address)
        return msgspec.structs.replace(output, source=source)

    def _doubt(self) -> None:
        if self.standing is Standing.CLAIMED:
            self.standing = Standing.REFUTED
