"""What BitTorrent programs ask trackers, over HTTP and UDP: who else has a torrent."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="bittorrent-tracker",
    title="BitTorrent trackers (HTTP, UDP)",
    service="bittorrent",
    magic=(
        # The number by which every conversation over UDP begins, and a request to connect.
        Magic(
            transport="udp",
            pattern=b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0",
            sizes=(16,),
            first=True,
        ),
        # Amid a conversation: an announcement, whose amounts are below 4 GiB times 65,536.
        Magic(
            transport="udp",
            at=8,
            pattern=b"\0\0\0\x01" + bytes(46),
            mask=b"\xff" * 4 + bytes(44) + b"\xff" * 2,
            minimum=98,
        ),
        Magic(transport="tcp", pattern=b"GET /", anywhere=(b"info_hash=",)),
    ),
)
