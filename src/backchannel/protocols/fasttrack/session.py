"""One FastTrack flow: a session with a supernode, a file over HTTP, or pings over UDP.

Which of them it is follows from the transport and the first bytes; `link`, `transfer` and `pings`
do the work. Until four bytes have come they wait here.
"""

from typing import TypeAlias

from backchannel.events import Gap
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.fasttrack import link, mixer, pings, transfer
from backchannel.protocols.fasttrack.recognise import GIFT, TELLING, is_text, recognise

__all__ = ["Session", "prepare", "recognise"]

Talk: TypeAlias = link.Session | transfer.Session | pings.Session
_HOLES = 16
"""Holes that are remembered until then."""


class Session:
    """Finds out what the flow is, then leaves it to its reader."""

    service = "kazaa"

    def __init__(self, start: Start) -> None:
        self._start = start
        self._talk: Talk | None = pings.Session(start) if start.transport == "udp" else None
        self._waiting: list[tuple[Side, bytes | int]] = []

    @property
    def standing(self) -> Standing:
        """What the reader thinks of the claim."""
        return self._talk.standing if self._talk else Standing.CLAIMED

    @property
    def done(self) -> bool:
        """Whether the reader wants no further byte."""
        return self._talk is not None and self._talk.done

    @property
    def aligned(self) -> bool:
        """Whether a whole message came that nothing else looks like."""
        return getattr(self._talk, "aligned", False)

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes, or one datagram, of *side*."""
        if self._talk is not None:
            return self._talk.feed(side, data)
        self._waiting.append((side, data))
        first = b"".join(
            held for whose, held in self._waiting if whose is side and isinstance(held, bytes)
        )
        if len(first) < TELLING:
            return []
        self._talk = self._reader(first)
        waiting, self._waiting = self._waiting, []
        return [output for whose, held in waiting for output in self._again(whose, held)]

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        if self._talk is not None:
            return self._talk.gap(side, size)
        if len(self._waiting) < _HOLES:
            self._waiting.append((side, size))
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        return self._talk.end(side) if self._talk else []

    def _reader(self, first: bytes) -> Talk:
        """Return the reader for a flow, one side of which begins with *first*.

        A session whose beginning was not seen cannot be read, so anything amid a flow is HTTP;
        giFT's hello is known wherever it stands.
        """
        start = self._start
        hello = start.begun or first[:TELLING] == GIFT
        text = is_text(first) or not hello
        return transfer.Session(start) if text else link.Session(start)

    def _again(self, side: Side, held: bytes | int) -> list[Output]:
        """Give the reader what came before it was known; its gaps have been told."""
        assert self._talk is not None
        if isinstance(held, bytes):
            return self._talk.feed(side, held)
        return [output for output in self._talk.gap(side, held) if not isinstance(output, Gap)]


def prepare() -> None:
    """Read the mixing programs."""
    for kind in mixer.KINDS:
        mixer.program(kind)
