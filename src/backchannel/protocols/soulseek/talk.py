"""What one connection has told so far."""

from backchannel.effects import Expect
from backchannel.events import PeerAddress
from backchannel.model import Capability, Side
from backchannel.protocols import Output, Start
from backchannel.protocols.ends import Ends
from backchannel.protocols.soulseek.context import Call

STANDS = 1800
UNKNOWN = "0.0.0.0"  # noqa: S104 - what the server says of who is not there


class Talk(Ends):
    """Both ends of a connection."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.offered: dict[tuple[Side, int], tuple[str, int | None]] = {}
        """Names and sizes of files that were offered, by who offers and number."""

    def address(self, user: str, address: str, port: int, how: str) -> list[Output]:
        """Tell once that an address was disclosed."""
        if address == UNKNOWN or not self.is_new(how, user, address, port):
            return []
        use = Capability.FILE_SHARING
        return [PeerAddress(use=use, account=user, address=address, port=port, how=how)]

    def expect(self, call: Call, address: str, port: int, source: str = "") -> list[Output]:
        """Expect a connection to a user."""
        usable = 0 < port <= 0xFFFF and address != UNKNOWN
        if not usable or not self.is_new("expect", call, address, port, source):
            return []
        return [
            Expect(
                protocol="soulseek",
                purpose=Capability.FILE_SHARING,
                address=address,
                port=port,
                source=source,
                context=call,
                lifetime=STANDS,
                repeat=True,
            )
        ]
