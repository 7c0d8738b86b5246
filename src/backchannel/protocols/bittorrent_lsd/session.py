"""BitTorrent's local service discovery (BEP 14): a datagram to all on the network, events out.

    BT-SEARCH * HTTP/1.1      Host, Port, Infohash (one or more), cookie: to know one's own again

Nobody answers: who takes part in the same torrent connects. Held: REMEMBERED torrents and ports
that were told.
"""

import re

from backchannel.events import Gap, Malformed, PeerAddress, Search, Share, SharedFile
from backchannel.model import Capability, Claim, Endpoint, More, Side, Standing
from backchannel.patterns import later
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.bittorrent.meeting import meet

LARGEST = 2048
TORRENTS = 32
"""Info hashes of one datagram that are told: programs send up to 20 or so, to fit a packet."""
REMEMBERED = 256
_FIRST = b"BT-SEARCH * HTTP/1.1\r\n"
_PORT = later(rb"^port:[ \t]*(\d{1,5})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_HASH = later(rb"^infohash:[ \t]*([0-9a-f]{40})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a whole search."""
    if peek.transport != "udp" or read_search(peek.client) is None:
        return None
    return Claim("bittorrent-lsd", evidence="BT-SEARCH with port and info hash")


def read_search(data: bytes) -> tuple[int, list[str]] | None:
    """Return the port and the info hashes, in hexadecimal, of a search; None for what is none."""
    if not data.startswith(_FIRST) or len(data) > LARGEST:
        return None
    port, hashes = _PORT.search(data), _HASH.findall(data)
    if port is None or not hashes or not 0 < int(port[1]) <= 0xFFFF:
        return None
    return int(port[1]), [found.decode().lower() for found in dict.fromkeys(hashes)][:TORRENTS]


class Session:
    """What one program sends to a group."""

    service = "bittorrent"

    def __init__(self, start: Start) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._ends: tuple[Endpoint, Endpoint] = (start.client, start.server)
        self._told: set[tuple[str, int]] = set()

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*."""
        found = read_search(data)
        if found is None:
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
            return [Malformed(reason="no local search")]
        self.standing = Standing.PARSED
        port, hashes = found
        fresh = [each for each in hashes if (each, port) not in self._told]
        if len(self._told) + len(fresh) > REMEMBERED:
            self._told.clear()
        self._told.update((each, port) for each in fresh)
        if not fresh:
            return []
        address = self._ends[side].address
        told = PeerAddress(
            use=Capability.FILE_SHARING,
            account="",
            address=address,
            port=port,
            how="announce",
        )
        files = tuple(SharedFile(name="", hash=each) for each in fresh)
        searches = [Search(text=each, id=each, detail="local") for each in fresh]
        return [*searches, Share(owner="", files=files), told, *meet(address, port)]

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - any side's
        """Some datagram was not captured whole."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is held."""
        return []
