"""Yahoo! Chat's own protocol, YCHT: public chat rooms of the Java client and of other programs."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="ycht",
    title="Yahoo! Chat (YCHT)",
    service="yahoo",
    magic=(Magic("tcp", b"YCHT\0\0"),),
)
