"""One message while it is read: what payloads and stages have to know of each other."""

from typing import Any, get_args
from weakref import ref

from backchannel.contract import Output, Reads, Start
from backchannel.model import Endpoint
from backchannel.protocols.ike import nat
from backchannel.protocols.ike.association import Association
from backchannel.protocols.ike.events import (
    IkeMessage,
    IkeNotify,
    IkeProposals,
    IkeStage,
    NatDetection,
    Stage,
)
from backchannel.protocols.ike.wire import Header


class Told:
    """Which events are to be told in full: for the others their class is enough."""

    __slots__ = ("message", "nat", "notify", "offer", "stages")

    def __init__(self, start: Start) -> None:
        self.message = start.reads(IkeMessage)
        self.notify = start.reads(IkeNotify)
        self.nat = start.reads(NatDetection)
        self.offer = start.reads(IkeProposals, weak=())
        """Offers with nothing weak in them; all others are told anyway."""
        self.stages = {stage for stage in get_args(Stage) if start.reads(IkeStage, stage=stage)}


_ALL = Told(Start("udp", Endpoint("", 0), Endpoint("", 0)))
_LATEST: list[tuple[ref[Reads], Told]] = []
"""What the run that asked last is told in full; one at most."""


def wanted(start: Start) -> Told:
    """Return what is to be told in full, which is the same for all flows of a run."""
    read = start.read
    if read is None:
        return _ALL
    for asked, told in _LATEST:
        if asked() is read:
            return told
    told = Told(start)
    _LATEST[:] = [(ref(read), told)]
    return told


class Reading:
    """One message while it is read. `begin` makes it."""

    __slots__ = (
        "_common",
        "_ends",
        "answer",
        "association",
        "detail",
        "events",
        "header",
        "nat_hashes",
        "proposed",
        "sender",
        "side",
        "told",
        "vendors",
    )

    def begin(
        self,
        header: Header,
        association: Association,
        side: int,
        told: Told,
        ends: tuple[Endpoint, Endpoint],
    ) -> None:
        """*ends* are the flow's; *side* of it sent the message."""
        self.header, self.association, self.side, self._ends = header, association, side, ends
        self.sender = association.sender(side)
        self._common: dict[str, Any] | None = None
        self.told = told
        """Which events are to be told in full."""
        self.events: list[Output] = []
        """What it means, as far as it is read."""
        self.vendors = False
        """Whether there are vendor ids among the payloads."""
        self.answer: str = ""
        """The stage that a notify or a choice brings the SA to."""
        self.detail = ""
        self.nat_hashes = 0
        self.proposed = False
        """True where proposals were read."""

    def common(self) -> dict[str, Any]:
        """Return the fields that every event of IKE has, not to be changed."""
        if self._common is None:
            self._common = common(self.association, self.sender, self.header.opens)
        return self._common

    def source(self) -> Endpoint:
        """Where it comes from."""
        return self._ends[self.side]

    def target(self) -> Endpoint:
        """Where it goes."""
        return self._ends[1 - self.side]

    def other(self) -> nat.End:
        """Who of the two receives it."""
        return "responder" if self.sender == "initiator" else "initiator"


def begin(
    header: Header,
    association: Association,
    side: int,
    told: Told,
    ends: tuple[Endpoint, Endpoint],
) -> Reading:
    """Return a `Reading` with nothing read, without the call that `__init__` would be."""
    reading = Reading.__new__(Reading)
    reading.begin(header, association, side, told, ends)
    return reading


def common(association: Association, sender: nat.End | None, opens: bool = False) -> dict[str, Any]:
    """Return the fields that every event of IKE has. *opens*: told of a message that did not know
    the responder's SPI.
    """
    return {
        "initiator_spi": association.initiator_spi(),
        "responder_spi": "" if opens else association.responder_spi(),
        "version": association.version,
        "sender": sender or "",
    }
