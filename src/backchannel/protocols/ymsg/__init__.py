"""Yahoo Messenger's own protocol, YMSG 5 to 19 and its web and Japanese variants."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="ymsg",
    title="Yahoo Messenger (YMSG)",
    service="yahoo",
    magic=(Magic("tcp", b"YMSG"),),
)
