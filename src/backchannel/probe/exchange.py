"""What was said to one port, what came back, and how it ended. Values only."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from backchannel.model import Endpoint, Side, Transport


class End(StrEnum):
    """How an exchange ended, as the sockets told."""

    ANSWERED = "answered"
    SILENT = "said nothing"
    """TCP: the connection stood, and nothing came. UDP: nothing came at all."""
    LEFT = "closed without a word"
    RESET = "reset"
    REFUSED = "refused"
    """TCP: a reset in place of a connection. UDP: ICMP says that nobody listens."""
    UNREACHED = "unreachable"
    """ICMP, or this host's own routing, says that there is no way."""
    TIMEOUT = "no answer"
    """TCP: neither a connection nor a refusal."""
    UNSENT = "not sent"
    """This host could not send it; `Exchange.detail` says why."""


class Step(NamedTuple):
    """Bytes that one side sent."""

    side: Side
    data: bytes
    time: int
    """Nanoseconds since 1970."""


@dataclass
class Exchange:
    """One connection, or one question by datagram with its repetitions."""

    transport: Transport
    client: Endpoint
    server: Endpoint
    hello: str
    """Name of what was said; `greeting` where only listened."""
    began: int
    ended: int = 0
    steps: list[Step] = field(default_factory=list)
    end: End = End.SILENT
    detail: str = ""
    """What the operating system said, where it said something."""
    rejected: bool = False
    """Whether ICMP says that it is not allowed."""
    itself: bool = False
    """Whether the host itself sent an ICMP error: it is there."""
    cut: bool = False
    """Whether more was on its way than is read of one answer."""
    inside: list[Step] = field(default_factory=list)
    """What was said inside TLS, where that was opened."""
    secrets: bytes = b""
    """The keys of that TLS, in the form of SSLKEYLOGFILE."""

    @property
    def connected(self) -> bool:
        """Whether there was a connection at all."""
        return self.end not in {End.REFUSED, End.UNREACHED, End.TIMEOUT, End.UNSENT}

    def bytes_of(self, side: Side) -> bytes:
        """Return all that *side* sent, inside TLS where there was one."""
        return b"".join(step.data for step in self.inside or self.steps if step.side is side)

    def answers(self) -> list[bytes]:
        """Return what was answered to each thing that was said; nothing of what came before."""
        told = list[bytes]()
        for step in self.inside or self.steps:
            if step.side is Side.CLIENT:
                told.append(b"")
            elif told:
                told[-1] += step.data
        return told
