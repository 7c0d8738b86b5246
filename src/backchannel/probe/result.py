"""What is known of a port: its state, and what was said to it."""

from dataclasses import dataclass, field
from enum import StrEnum

from backchannel.probe.exchange import Exchange
from backchannel.probe.judge import Verdict
from backchannel.probe.ports import Expected, Port

EVENT = 512
"""Bytes that an event takes beside its texts, at most of the time."""


class State(StrEnum):
    """What became of a port, in words for people and JSON."""

    OPEN = "open"
    """Somebody answered what one of our decoders understands."""
    OTHER = "other protocol"
    """Somebody answered, or greeted, in a language that we do not know."""
    MUTE = "open, says nothing"
    """TCP: connections are taken, and no hello was answered."""
    CLOSED = "closed"
    """TCP: refused. UDP: ICMP says that nobody listens."""
    SILENT = "no answer"
    """TCP: filtered. UDP: open or filtered; silence cannot tell."""
    UNREACHED = "unreachable"
    """ICMP, or this host's routing, says that there is no way."""
    UNASKED = "not asked"


@dataclass
class Talked:
    """An exchange and what it was."""

    exchange: Exchange
    verdict: Verdict = field(default_factory=Verdict)
    inner: Verdict = field(default_factory=Verdict)
    """What was inside TLS."""

    @property
    def size(self) -> int:
        """Return bytes that are held besides those on the wire: about."""
        events = (*self.verdict.events, *self.inner.events)
        inside = sum(len(step.data) for step in self.exchange.inside)
        return inside + sum(EVENT + len(repr(each.event)) for each in events)

    def forget(self) -> None:
        """Let go of all but whose the answer is."""
        self.exchange.steps.clear()
        self.exchange.inside.clear()
        self.exchange.secrets = b""
        self.verdict = self.verdict._replace(events=())
        self.inner = self.inner._replace(events=())


@dataclass
class Result:
    """What is known of a port."""

    port: Port
    expected: Expected
    state: State = State.UNASKED
    talked: list[Talked] = field(default_factory=list)
    remark: str = ""

    def understood(self) -> list[tuple[Verdict, bool]]:
        """Return the verdicts that know whose an answer is; True for those inside TLS."""
        told = [(each.verdict, False) for each in self.talked]
        told += [(each.inner, True) for each in self.talked]
        return [each for each in told if each[0].claim is not None]
