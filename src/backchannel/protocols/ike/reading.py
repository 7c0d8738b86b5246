"""One message while it is read: what payloads and stages have to know of each other."""

from typing import Any

from backchannel.model import Endpoint
from backchannel.protocols.ike import nat, vendors
from backchannel.protocols.ike.association import Association
from backchannel.protocols.ike.wire import NOBODY, Header


class Reading:
    """One message while it is read."""

    def __init__(
        self,
        header: Header,
        association: Association,
        sender: nat.End | None,
        source: Endpoint,
        target: Endpoint,
    ) -> None:
        self.header, self.association, self.sender = header, association, sender
        self.source, self.target = source, target
        self.vendors: list[vendors.Vendor] = []
        self.unnamed: list[str] = []
        self.errors: list[str] = []
        self.answer: str = ""
        """The stage that a notify or a choice brings the SA to."""
        self.detail = ""
        self.nat_hashes = 0
        self.proposed = False
        """True where proposals were read."""

    @property
    def common(self) -> dict[str, Any]:
        """The fields that every event of IKE has."""
        return common(self.header, self.sender)

    def other(self) -> nat.End:
        """Who of the two receives it."""
        return "responder" if self.sender == "initiator" else "initiator"


def common(header: Header, sender: nat.End | None) -> dict[str, Any]:
    """Return the fields that every event of IKE has."""
    responder = "" if header.responder == NOBODY else header.responder.hex()
    return {
        "initiator_spi": header.initiator.hex(),
        "responder_spi": responder,
        "version": header.version,
        "sender": sender or "",
    }
