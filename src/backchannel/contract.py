"""The contract between the engine and a protocol: magic, recognisers, sessions. Types only.

How a flow reaches a session: the core compares the first payloads with every protocol's `Magic`
(data, compiled into one matcher). A hit is cheap and may be wrong; the bytes then come to
`recognise`, which claims the flow, passes, or asks for more. A claimed flow gets a `Session`, whose
`feed` turns in-order bytes (or one datagram a call) into events and effects.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias
from typing import Protocol as Interface
from weakref import ref

import msgspec

from backchannel.effects import Effect
from backchannel.events import Event, tag_of
from backchannel.model import Capability, Claim, Endpoint, More, Side, Standing, Transport

Output: TypeAlias = Event | Effect | type[Event]
"""What a session tells. A class says that such an event happened, where nobody reads more of it."""
Reads: TypeAlias = Callable[..., bool]
"""Given an event's tag, and values of its fields by name: whether somebody reads its content."""


class Length(msgspec.Struct, frozen=True):
    """A length field inside a payload: value * *unit* + *bias* must equal (or, *whole* false, not
    exceed) the payload's size.
    """

    at: int
    size: int
    bias: int = 0
    little: bool = False
    whole: bool = True
    unit: int = 1
    """Bytes that one of the field's value stands for."""
    chain: bool = False
    """True, for datagrams: message after message of this form fills the payload."""


class Spread(msgspec.Struct, frozen=True):
    """Among the *size* bytes at *at* there must be *least* different values: ids and ciphertext
    have many, counters and padding few.
    """

    at: int
    size: int
    least: int


class Magic(msgspec.Struct, frozen=True):
    """A cheap test of one payload. All parts that are given must hold.

    A TCP payload shorter than the pattern passes when it agrees as far as it goes, so that a
    sender's segment sizes cannot hide a protocol.
    """

    transport: Transport
    pattern: bytes = b""
    mask: bytes = b""
    """As long as *pattern*; bits that are 0 are not compared. Empty: compare all."""
    at: int = 0
    some: tuple[bytes, ...] = ()
    """Masks, none longer than *pattern* and laid over it: one bit at least of each must be set."""
    spread: Spread | None = None
    sizes: tuple[int, ...] = ()
    """Exact payload sizes, where the protocol's first payload has few."""
    multiple: int = 1
    """What a datagram's size must be a multiple of."""
    minimum: int = 0
    binary: bool = False
    """True: a payload that is text does not pass."""
    length: Length | None = None
    number: int = 0
    """IP protocol number, for transport `ip`; 0 means any."""
    anywhere: tuple[bytes, ...] = ()
    """Words in lower case, one of which must stand, in any case, in a head of lines: a payload
    that has none passes only as long as the blank line that ends the head is not there."""
    unless: tuple[bytes, ...] = ()
    """What a payload must not begin with: how others open, where no pattern tells this one."""
    first: bool = False
    """True: only the first payload of a side whose beginning was seen. False: mid-stream too."""
    unanswered: bool = False
    """True: this is sent whole before the other side says anything, so that the rest of a TCP
    payload that is too short is not waited for once it has."""

    def __post_init__(self) -> None:
        if self.mask and len(self.mask) != len(self.pattern):
            raise ValueError(f"mask and pattern differ in length: {self}")


PEEK_LIMIT = 4096
"""Bytes of each side shown to recognisers; a protocol that needs more cannot be told apart."""


class Peek(msgspec.Struct, frozen=True, gc=False):
    """The first in-order bytes of each side (one datagram each for UDP), at most PEEK_LIMIT."""

    transport: Transport
    client: bytes
    server: bytes
    begun: bool
    """True when the start of the flow was seen, so that these bytes are its first."""
    start: "Start"


class Start(msgspec.Struct, frozen=True):
    """What a session may know about its flow when it begins."""

    transport: Transport
    client: Endpoint
    server: Endpoint
    begun: bool = True
    accounts: tuple[str, ...] = ()
    """From the announcement, where the flow was expected."""
    context: Any = None
    """From the announcement, where the flow was expected; None otherwise."""
    others: tuple[Any, ...] = ()
    """The contexts of further announcements that it may have come for instead."""
    number: int = 0
    """IP protocol number, where known."""
    service: str = ""
    """Catalogue id of the service that announced the flow, where it was expected."""
    purpose: Capability | None = None
    """What it was announced for."""
    read: Reads | None = None
    """Says whose content somebody reads in this run; None: of all."""

    recall: Callable[[str], Any] | None = None
    """Returns what a session asked to `Remember` under a key; None for nothing."""

    def reads(self, kind: type[Event], **values: str | int | tuple[str, ...]) -> bool:
        """Say whether events of a *kind*, with these *values* of their fields, must be told in
        full; else their class is enough, which costs next to nothing. Each event counts, either
        way.
        """
        return is_read(self.read, kind, **values)


def is_read(read: Reads | None, kind: type[Event], **values: str | int | tuple[str, ...]) -> bool:
    """Say whether somebody reads events of a *kind*, as *read* tells, or each has a capability of
    its own.
    """
    if read is None or kind.capability is not Event.capability:
        return True
    return read(tag_of(kind), **values)


_ASKED: list[tuple[ref[Reads], dict[tuple[type[Event], ...], tuple[bool, ...]]]] = []
"""What the run that asked last was told; one at most."""


def in_full(start: Start, *kinds: type[Event]) -> tuple[bool, ...]:
    """Say of each of these *kinds* whether the flow's session must tell it in full, as `reads`
    does: asked once a run, all flows of which get the same answer.
    """
    read = start.read
    if read is None:
        return (True,) * len(kinds)
    if not _ASKED or _ASKED[0][0]() is not read:
        _ASKED[:] = [(ref(read), {})]
    known = _ASKED[0][1]
    if kinds not in known:
        known[kinds] = tuple(map(start.reads, kinds))
    return known[kinds]


class Session(Interface):
    """One flow's decoder: no I/O, no clock, bounded memory, never raises on wire bytes.

    How TCP cut the stream changes nothing. For datagrams `feed` is called once for each.
    """

    service: str
    """Catalogue id of the service, as far as the bytes tell (`aim`, or `icq` once seen)."""
    standing: Standing
    done: bool
    """True once no further byte of this flow is wanted."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes (or one datagram) of *side*; return what they meant."""

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; the next byte may be anywhere in a message."""

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""


class Inline(Interface):
    """What a session may offer besides, for the guard, which holds packets back until it knows what
    they are. A session may have each of these without the others.
    """

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a message and not ended it. Its packets are held until it has,
        so that not even half an offer passes.
        """

    aligned: bool
    """Whether all bytes so far were whole messages of a known kind, and nothing else. In a flow
    joined midway that cannot be chance, though one message is too few for PARSED."""
    amid: bool
    """Whether the messages so far may be parts of something larger, such as an offer, that began
    before them."""


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine must know about a protocol before any of its code is loaded."""

    name: str
    title: str
    service: str
    """Catalogue id of the service it belongs to by default."""
    magic: tuple[Magic, ...] = ()
    ports: tuple[tuple[Transport, int], ...] = ()
    """Where bytes may be too random for any magic (ESP in UDP): flows of these ports are shown to
    `recognise` as well. A reason to look, never an identity."""
    context: bool = False
    """True for protocols decoded only for what they tell of others (dns, tls, plain http ...)."""
    sealed: bool = False
    """True for one of these whose names are enciphered (quic): the core cannot see them, so all
    its flows are delivered, and let go once they name no service."""
    alone: bool = False
    """True where one datagram that anybody can send proves it (ike): of flows with no answer only
    the latest are followed."""

    @property
    def gated(self) -> bool:
        """Whether the core delivers its flows only where they name a service."""
        return self.context and not self.sealed

    @property
    def recognise(self) -> Callable[[Peek], Claim | More | None]:
        """Say whose these bytes are: a Claim, MORE, or None for not mine."""
        return _recogniser(self.name).recognise  # type: ignore[no-any-return]

    @property
    def session(self) -> Callable[[Start], Session]:
        """The decoder: a class, or a function that chooses one; called with a `Start` for each
        flow.
        """
        return _module(self.name).Session  # type: ignore[no-any-return]

    def prepare(self) -> None:
        """Load the decoder and the data that ships beside it, so that it opens no file later."""
        _recogniser(self.name)
        getattr(_module(self.name), "prepare", lambda: None)()


@cache
def _module(name: str) -> Any:
    return import_module(f"{_folder(name)}.session")


@cache
def _recogniser(name: str) -> Any:
    """A recogniser that can do without the decoder is a module of its own, as most flows that it is
    asked about are nobody's.
    """
    alone = f"{_folder(name)}.recognise"
    return import_module(alone) if find_spec(alone) else _module(name)


def _folder(name: str) -> str:
    return f"backchannel.protocols.{name.replace('-', '_')}"
