"""Direct Connect's second protocol, ADC: hubs, clients among each other, answers by UDP."""

from backchannel.protocols import Magic, Protocol

_GREETINGS = (b"HSUP AD", b"ISUP AD", b"CSUP AD")
_MIDWAY = (b"BINF ", b"BMSG ", b"BSCH ", b"FSCH ", b"EMSG ", b"DMSG ", b"DCTM ", b"DRCM ", b"CGET ")

PROTOCOL = Protocol(
    name="adc",
    title="Direct Connect (ADC)",
    service="direct-connect",
    magic=(
        *(Magic("tcp", word) for word in (*_GREETINGS, *_MIDWAY)),
        Magic("udp", b"URES ", minimum=46),
    ),
)
