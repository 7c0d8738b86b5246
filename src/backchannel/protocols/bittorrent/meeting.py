"""Peers whose addresses were told, and will be met: over TCP, or over uTP on the same port."""

from backchannel.effects import Expect
from backchannel.model import Capability, Transport
from backchannel.protocols import Output

STANDS = 1800
"""Seconds for which a peer that was told is expected to be met: programs ask anew after that."""


def meet(address: str, port: int, source: str = "", *, tcp: bool = True) -> list[Output]:
    """Expect connections to a peer, from *source* where that is known."""
    ways: tuple[Transport, ...] = ("tcp", "udp") if tcp else ("udp",)
    return [
        Expect(
            protocol="bittorrent" if transport == "tcp" else "bittorrent-utp",
            purpose=Capability.FILE_SHARING,
            address=address,
            port=port,
            source=source,
            transport=transport,
            lifetime=STANDS,
            repeat=True,
        )
        for transport in ways
    ]
