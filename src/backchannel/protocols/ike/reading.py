"""One message while it is read: what payloads and stages have to know of each other."""

from functools import lru_cache
from typing import Any

from backchannel.model import Endpoint
from backchannel.protocols.ike import nat, vendors
from backchannel.protocols.ike.association import Association
from backchannel.protocols.ike.wire import NOBODY, Header


class Reading:
    """One message while it is read."""

    __slots__ = (
        "answer",
        "association",
        "common",
        "detail",
        "header",
        "nat_hashes",
        "proposed",
        "sender",
        "source",
        "target",
        "unnamed",
        "vendors",
    )

    def __init__(
        self,
        header: Header,
        association: Association,
        sender: nat.End | None,
        source: Endpoint,
        target: Endpoint,
    ) -> None:
        self.header, self.association, self.sender = header, association, sender
        self.common = common(header.initiator, header.responder, header.version, sender)
        """The fields that every event of IKE has."""
        self.source, self.target = source, target
        self.vendors: list[vendors.Vendor] = []
        self.unnamed: list[str] = []
        self.answer: str = ""
        """The stage that a notify or a choice brings the SA to."""
        self.detail = ""
        self.nat_hashes = 0
        self.proposed = False
        """True where proposals were read."""

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
