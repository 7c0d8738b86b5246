"""AnyDesk's discovery of other programs on the same network, over UDP."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="anydesk",
    title="AnyDesk discovery",
    service="anydesk",
    magic=(
        Magic(
            "udp",
            b"\x3e\xd1\x01" + bytes(8) + b"\x02",
            b"\xff" * 3 + bytes(8) + b"\xff",
            minimum=40,
        ),
    ),
)
