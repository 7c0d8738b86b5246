"""BitTorrent's search for peers on the local network, by multicast."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="bittorrent-lsd",
    title="BitTorrent local service discovery",
    service="bittorrent",
    magic=(Magic(transport="udp", pattern=b"BT-SEARCH * HTTP/1.1\r\n"),),
)
