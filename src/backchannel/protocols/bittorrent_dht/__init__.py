"""BitTorrent's hash table: who has what, asked of nodes over UDP instead of a tracker."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="bittorrent-dht",
    title="BitTorrent hash table (Kademlia)",
    service="bittorrent",
    magic=(
        # Keys of one letter stand first but for `ip`; a message has 20 bytes at the very least.
        Magic(transport="udp", pattern=b"d1:", minimum=20),
        Magic(transport="udp", pattern=b"d2:ip", minimum=20),
    ),
)
