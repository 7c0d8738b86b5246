"""DCC CHAT: lines of both sides, without any other mark."""

import re
from collections.abc import Iterator

from backchannel.events import Credential, Message
from backchannel.model import Side, Standing
from backchannel.patterns import later
from backchannel.protocols import Output, Start
from backchannel.protocols.framed import Framed
from backchannel.protocols.irc.context import DccOffer
from backchannel.protocols.irc.dcc import dcc
from backchannel.protocols.irc.state import SECRET, State
from backchannel.protocols.irc.wire import plain, take
from backchannel.protocols.irc_dcc.parties import name_at
from backchannel.reader import WireError
from backchannel.text import utf8

LINES = 3
"""Lines of one side alone after which it counts as parsed; of both, one each."""
_ASKS = later(r"\s*(?:\S+\s+)?enter your password\b", re.IGNORECASE)
"""Eggdrop's question, behind which the answer is a password."""


class Chat(Framed):
    """Reads the lines. Holds at most one a side (16 KiB)."""

    def __init__(self, start: Start, offer: DccOffer) -> None:
        super().__init__()
        self._offer = offer
        self._state = State(start)
        self._lines = dict.fromkeys(Side, 0)
        self._asked: Side | None = None
        """Who asked for a password last."""
        self._hunting = set() if start.begun else set(Side)

    def gap(self, side: Side) -> None:
        """The next line of *side* may have begun before."""
        self._buffers[side].clear()
        self._deaf.discard(side)
        self._hunting.add(side)

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a line and not ended it."""
        return bool(self._buffers[side])

    def end(self, side: Side) -> list[Output]:
        """The last line may lack its end."""
        rest = bytes(self._buffers[side])
        self._buffers[side].clear()
        return list(self._line(side, rest)) if rest and b"\0" not in rest else []

    def _step(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        raw = take(buffer)
        if raw is None:
            return False
        if b"\0" in raw:
            if side in self._hunting:
                return True
            raise WireError("a line of a chat that holds NUL")
        if side in self._hunting:
            self._hunting.discard(side)
            return True
        if raw:
            told += self._line(side, raw)
        return True

    def _line(self, side: Side, raw: bytes) -> Iterator[Output]:
        self._lines[side] += 1
        if all(self._lines.values()) or self._lines[side] >= LINES:
            self.standing = Standing.PARSED
        text = utf8(raw)
        sender, recipient = name_at(self._offer, side), name_at(self._offer, side.other)
        asked, self._asked = self._asked, None
        if _ASKS.match(text):
            self._asked = side
        elif asked is side.other and raw:
            secret = text[:SECRET]
            yield Credential(account=sender, kind="plain", scheme="dcc-chat", secret=secret)
            return
        kind = "text"
        if text.startswith("\x01"):
            word, _, text = text.strip("\x01").partition(" ")
            if word.upper() == "DCC":
                yield from dcc(self._state, sender, recipient, text)
                return
            kind = "action" if word.upper() == "ACTION" else "ctcp"
        shown = plain(text)
        if shown:
            markup = text if text != shown else ""
            yield Message(
                sender=sender,
                recipient=recipient,
                text=shown,
                kind=kind,
                size=len(shown),
                markup=markup,
            )
