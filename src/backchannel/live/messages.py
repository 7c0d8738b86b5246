"""What the parsing process and the watching one say to each other: typed values, never code.

    message   length u32, little-endian | MessagePack of one tagged struct

The parser sees hostile bytes, so what it says is checked like any other input: unknown kinds, wrong
types and messages beyond LARGEST end the connection.
"""

import socket
from collections.abc import Sequence
from functools import cache, reduce
from operator import or_
from typing import Any

import msgspec

from backchannel.catalogue.index import Index
from backchannel.detect.kinds import event_types
from backchannel.engine.ended import Ended
from backchannel.engine.observation import FlowInfo, Observation
from backchannel.flows.settings import FlowSettings
from backchannel.live import framing
from backchannel.live.columns import Packed
from backchannel.live.framing import Broken
from backchannel.live.sockets import Opened
from backchannel.model import Confidence, Endpoint
from backchannel.report.document import Session

# -- to the parser ---------------------------------------------------------------------------------


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """What somebody reads of one kind of event."""

    conditions: tuple[str, ...]
    """Of rules; one must hold of the event."""
    without: tuple[str, ...] = ()
    """Lists among its fields that nobody reads; they are told empty."""


Read = dict[str, Wanted]
"""By tags of events."""


class Task(msgspec.Struct, frozen=True, kw_only=True, tag="task"):
    """What a parser is to do; its first message."""

    captures: tuple[Opened, ...]
    settings: FlowSettings
    index: Index
    everything: bool = False
    read: Read | None = None
    """The events whose content somebody reads; of others only the kind is told. None: all."""
    collect: bool = False
    """Whether rows of all flows are wanted."""
    talkers: bool = False
    """Whether somebody is shown whose live flows carry most."""
    orders: bytes = b""
    """What a companion's half in the parser is told."""


class Reload(msgspec.Struct, frozen=True, tag="reload"):
    """Another catalogue; all flows stay."""

    index: Index
    everything: bool = False
    read: Read | None = None


class Orders(msgspec.Struct, frozen=True, tag="orders"):
    """Something new for a companion's half in the parser."""

    body: bytes


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Tell the logins, for a report."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Read what has come, end all flows, tell everything, and end."""


Command = Task | Reload | Orders | Ask | Stop


# -- from the parser -------------------------------------------------------------------------------


class Talker(msgspec.Struct, frozen=True, array_like=True):
    """Bytes of one client's live flows of one service."""

    client: str
    service: str
    octets: int


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """Events of one kind in one stream of which nobody reads more than that they happened."""

    tag: str
    place: tuple[str, str, str, Confidence, str]
    flow: FlowInfo
    target: Endpoint | None
    times: int
    time: int
    """Of the last one."""


class Heard(msgspec.Struct, frozen=True, tag="heard"):
    """What was decoded."""

    seen: Sequence[Observation]
    ended: tuple[Ended, ...]
    counted: tuple[Counted, ...] = ()


class Status(msgspec.Struct, frozen=True, kw_only=True, tag="status"):
    """How it goes; all figures are since the start."""

    packets: int
    octets: int
    flows: int
    kernel: dict[str, tuple[int, int]]
    """Interface -> packets that came, packets dropped for lack of room."""
    counters: dict[str, int]
    talkers: tuple[Talker, ...]
    live: int
    """Streams that somebody decodes now."""
    cpu: float
    """Seconds of processor time."""
    memory: int
    """Bytes held (resident)."""


class Flows(msgspec.Struct, frozen=True, tag="flows"):
    """Rows of flows that ended, as columns, and whose they were."""

    columns: Packed
    claims: dict[int, tuple[str, str, str]]


class Logins(msgspec.Struct, frozen=True, tag="logins"):
    """The answer to Ask."""

    sessions: tuple[Session, ...]


class Gone(msgspec.Struct, frozen=True, tag="gone"):
    """An interface was removed: its socket is dead, and was closed."""

    interface: str


class Beside(msgspec.Struct, frozen=True, tag="beside"):
    """What a companion's half in the parser says to its other half."""

    body: bytes


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The last message."""


Report = Heard | Status | Flows | Logins | Gone | Beside | Done

_encode = msgspec.msgpack.Encoder().encode
UNSAYABLE = OverflowError, UnicodeError
"""What `packed` raises: for what is larger than a message may be, and for values that MessagePack
has no form for, such as numbers of more than 64 bits."""


@cache
def _decoders() -> dict[str, msgspec.msgpack.Decoder[Any]]:
    """Return the decoders of both directions. Built once; an observation's event may be any."""
    event: Any = reduce(or_, event_types())
    seen: Any = msgspec.defstruct(
        "Seen", [("event", event)], bases=(Observation,), frozen=True, array_like=True
    )
    heard: Any = msgspec.defstruct(
        "HeardHere",
        [
            ("seen", tuple[seen, ...]),
            ("ended", tuple[Ended, ...]),
            ("counted", tuple[Counted, ...]),
        ],
        bases=(Heard,),
        frozen=True,
        tag="heard",
    )
    reports = heard | Status | Flows | Logins | Gone | Beside | Done
    return {
        "command": msgspec.msgpack.Decoder(Command),
        "report": msgspec.msgpack.Decoder(reports),
    }


def packed(message: Command | Report) -> bytes:
    """Return a message with its length before it."""
    return framing.framed(_encode(message))


class Inbox(framing.Inbox):
    """Cuts what a socket brings into messages."""

    def __init__(self, kind: str) -> None:
        """*kind*: `command` or `report`, what may come in."""
        super().__init__(_decoders()[kind].decode)


def opened(data: bytes) -> Opened:
    """Return what came beside a descriptor. Raises Broken."""
    try:
        return msgspec.msgpack.decode(data, type=Opened)
    except msgspec.MsgspecError as error:
        raise Broken(str(error)) from None


def hand_over(to: socket.socket, made: Opened) -> None:
    """Send an open capture socket to another process; ours may be closed then."""
    socket.send_fds(to, [_encode(made)], [made.fd])


def send(to: socket.socket, message: Command | Report) -> None:
    """Send a message; waits while the other side is behind."""
    to.sendall(packed(message))


def numbered(count: int, workers: int, worker: int) -> int:
    """Return the *count*th flow or frame of *worker* as a number that no other of *workers* has,
    each of which counts from 1 for itself; 0 stands for none, and stays.
    """
    return (count - 1) * workers + worker + 1 if count else 0
