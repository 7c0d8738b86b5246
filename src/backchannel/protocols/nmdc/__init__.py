"""Direct Connect's first protocol, NeoModus: hubs, clients among each other, answers by UDP."""

from backchannel.protocols import Magic, Protocol

_OPENINGS = (b"$Lock ", b"$MyNick ", b"$Supports ", b"$ValidateNick ", b"$ADCGET ")
_MIDWAY = (b"$MyINFO $ALL ", b"$Search ", b"$To: ", b"$ConnectToMe ", b"$SR ", b"$Hello ")

PROTOCOL = Protocol(
    name="nmdc",
    title="Direct Connect (NMDC)",
    service="direct-connect",
    magic=(
        *(Magic("tcp", word) for word in (*_OPENINGS, *_MIDWAY)),
        Magic("udp", b"$SR ", minimum=10),
    ),
)
