"""What may be done beside watching: half of it in each parser, half with the watch itself.

The parser's half sees every delivery and every frame, and says what it has to say in bytes that
only the other half reads; the watch hands them on.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from backchannel.capture.records import Chunk
from backchannel.contract import Output
from backchannel.engine.engine import Engine
from backchannel.engine.observation import Observation
from backchannel.engine.stream import Stream
from backchannel.flows.core import Delivery, FlowCore
from backchannel.model import Side

if TYPE_CHECKING:
    from backchannel.live.config import Config
    from backchannel.live.metrics import Page

ServiceOfName = Callable[[str], str]


class Onlooker(Protocol):
    """The half in a parser."""

    def heard(self, stream: Stream, side: Side, output: Output) -> None:
        """A session said something."""

    def look(self, batch: Sequence[Delivery]) -> list[Observation]:
        """The engine has taken *batch*; return what to tell besides."""

    def chunk(self, chunk: Chunk) -> None:
        """All frames of *chunk* were looked at; they are good until this returns."""

    def tick(self) -> None:
        """A tenth of a second has passed, with packets or without."""

    def obey(self, orders: bytes) -> None:
        """Take other orders."""

    def told(self) -> bytes:
        """Return what the other half should hear; empty for nothing."""


Join = Callable[[bytes, FlowCore, Engine, ServiceOfName], Onlooker]
"""Makes the half in a parser of the orders that its task holds."""


class Companion(Protocol):
    """The half with the watch."""

    @property
    def module(self) -> str:
        """What is run as a parser, in place of `live.worker`."""

    @property
    def fds(self) -> Sequence[int]:
        """Descriptors that parsers inherit."""

    def orders(self) -> bytes:
        """Return what its half in a parser is told at its start."""

    def news(self) -> bytes:
        """Return what those that run are to be told now; empty for nothing."""

    def hear(self, number: int, body: bytes) -> None:
        """The half in parser *number* has said something. Raises messages.Broken."""

    def look(self) -> None:
        """A second has passed."""

    def reload(self, config: "Config") -> None:
        """Go on by another configuration. Raises ValueError and OSError, with nothing changed."""

    def figures(self, page: "Page") -> None:
        """Add what it counts to the metrics."""

    def summary(self) -> str:
        """Return a few words for the view."""

    def close(self) -> None:
        """Let go of everything."""
