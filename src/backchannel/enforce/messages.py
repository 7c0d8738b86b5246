"""What the guard's two processes say to each other: typed values, never code.

The inspector judges hostile bytes, so what it says is checked like any other input, and there is
little that it can ask for: a line in the log, a packet without data, marks for connections that it
was shown.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from backchannel.catalogue.index import Index
from backchannel.catalogue.model import Service
from backchannel.enforce import packing
from backchannel.enforce.connections import Connection, Key
from backchannel.enforce.marks import Marks
from backchannel.enforce.record import Refusal
from backchannel.grades import Mode
from backchannel.live import framing
from backchannel.policy.model import Rules

Seen = tuple[int, bytes]
"""A packet from its IP header, and when it was seen (ns)."""
MOST, MOST_BYTES = 4096, 1 << 18
"""Packets of evidence for one refusal, and their bytes."""
BATCH = 256
"""Connections that are revised at a time, so that no packet waits long."""


class Knowledge(msgspec.Struct, frozen=True, kw_only=True):
    """What packets are judged by; a reload brings another."""

    rules: Rules
    services: Mapping[str, Service]
    index: Index
    limit: Mode | None = None
    """Go no further than this mode."""


# -- to the inspector ------------------------------------------------------------------------------


class Opened(msgspec.Struct, frozen=True):
    """A queue that is bound already."""

    number: int
    fd: int
    closed: bool


class Task(msgspec.Struct, frozen=True, kw_only=True, tag="task"):
    """What there is to do; the first message."""

    known: Knowledge
    queues: tuple[Opened, ...]
    beats: int
    """Descriptor that takes a byte as long as the loop turns."""
    marks: Marks
    patience: int
    max_flows: int
    memory: int
    """Bytes of packets kept for evidence; 0: none is wanted."""
    interfaces: dict[int, str]
    standing: tuple[Key, ...] = ()
    """UDP connections that stood before anything was judged."""
    fresh: bool = True
    """Whether no connection has been decided before."""


class Reload(msgspec.Struct, frozen=True, tag="reload"):
    """Judge by this from now on."""

    known: Knowledge


class Revise(msgspec.Struct, frozen=True, tag="revise"):
    """Say what becomes of these connections."""

    number: int
    connections: tuple[Connection, ...]


class Interfaces(msgspec.Struct, frozen=True, tag="interfaces"):
    """The names of all interfaces, by number."""

    names: dict[int, str]


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """So many packets have left, of all that were asked for."""

    packets: int


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Tell the figures."""

    number: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Tell everything that is left, and end."""


Command = Task | Reload | Revise | Interfaces | Sent | Ask | Stop


# -- from the inspector ----------------------------------------------------------------------------


class QueueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted of one queue."""

    number: int
    received: int = 0
    answered: int = 0
    overruns: int = 0
    malformed: int = 0
    refused: int = 0


class Refused(msgspec.Struct, frozen=True):
    """How often one thing was done for one reason."""

    action: str
    line: str
    service: str
    capability: str
    times: int


class Figures(msgspec.Struct, frozen=True, kw_only=True, tag="figures"):
    """How it goes; all numbers are since the process began."""

    number: int
    """Number of the Ask that this answers; 0 for none."""
    queues: tuple[QueueFigures, ...] = ()
    passed: int = 0
    settled: int = 0
    costs: tuple[int, ...] = ()
    refusals: tuple[Refused, ...] = ()
    counters: dict[str, int] = {}
    core: dict[str, int] = {}
    flows: int = 0
    packets: int = 0
    confined: str = ""
    """What took hold of the process."""


class Told(msgspec.Struct, frozen=True, tag="told"):
    """Something was refused, or is to be told of."""

    refusal: Refusal
    packets: Annotated[tuple[Seen, ...], Meta(max_length=MOST)] = ()
    """What was seen of its conversation, where evidence is wanted."""


class Send(msgspec.Struct, frozen=True, tag="send"):
    """Send this packet: headers without data."""

    packet: Annotated[bytes, Meta(max_length=100)]


class Revised(msgspec.Struct, frozen=True, tag="revised"):
    """The connections of that Revise that change, by their place in it, and their marks."""

    number: int
    marks: Annotated[dict[int, int], Meta(max_length=BATCH)]


class Turned(msgspec.Struct, frozen=True, tag="turned"):
    """Another policy is in force, or hours began or ended: what is decided may have changed."""


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The last message."""


Report = Figures | Told | Send | Revised | Turned | Done

commands, reports = packing.decoder(Command), packing.decoder(Report)
"""What makes a message of its bytes, in either direction."""


def packed(message: Command | Report) -> bytes:
    """Return a message with its length before it."""
    return framing.framed(packing.encode(message))
