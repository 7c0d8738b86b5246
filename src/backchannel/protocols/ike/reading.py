"""One message while it is read: what payloads and stages have to know of each other."""

from functools import lru_cache
from typing import Any

from backchannel.contract import Reads
from backchannel.model import Endpoint
from backchannel.protocols.ike import nat, vendors
from backchannel.protocols.ike.association import Association
from backchannel.protocols.ike.events import IkeMessage, IkeNotify, NatDetection
from backchannel.protocols.ike.wire import NOBODY, Header


class Told:
    """Which events are to be told in full: for the others their class is enough."""

    __slots__ = ("message", "nat", "notify", "reads")

    def __init__(self, reads: Reads) -> None:
        self.reads = reads
        self.message = reads(IkeMessage)
        self.notify = reads(IkeNotify)
        self.nat = reads(NatDetection)


class Reading:
    """One message while it is read."""

    __slots__ = (
        "answer",
        "association",
        "detail",
        "header",
        "nat_hashes",
        "proposed",
        "sender",
        "source",
        "target",
        "told",
        "unnamed",
        "vendors",
    )

    def __init__(
        self,
        header: Header,
        association: Association,
        sender: nat.End | None,
        told: Told,
        ends: tuple[Endpoint, Endpoint],
    ) -> None:
        self.header, self.association, self.sender = header, association, sender
        self.told = told
        """Which events are to be told in full."""
        self.source, self.target = ends
        self.vendors: list[vendors.Vendor] = []
        self.unnamed: list[str] = []
        self.answer: str = ""
        """The stage that a notify or a choice brings the SA to."""
        self.detail = ""
        self.nat_hashes = 0
        self.proposed = False
        """True where proposals were read."""

    @property
    def common(self) -> dict[str, Any]:
        """The fields that every event of IKE has."""
        header = self.header
        return common(header.initiator, header.responder, header.version, self.sender)

    def other(self) -> nat.End:
        """Who of the two receives it."""
        return "responder" if self.sender == "initiator" else "initiator"


@lru_cache(maxsize=512)
def common(
    initiator: bytes, responder: bytes, version: int, sender: nat.End | None
) -> dict[str, Any]:
    """Return the fields that every event of IKE has, not to be changed."""
    return {
        "initiator_spi": initiator.hex(),
        "responder_spi": "" if responder == NOBODY else responder.hex(),
        "version": version,
        "sender": sender or "",
    }
