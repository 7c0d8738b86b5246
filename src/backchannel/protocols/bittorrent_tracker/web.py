"""Trackers over HTTP: one connection, which may bring several requests. Bytes in, events out.

Held: HTTP's heads, PENDING questions, and one answer of at most LARGEST bytes.
"""

from collections import deque

from backchannel.events import Malformed, PeerAddress, Software
from backchannel.model import Capability, Side, Standing
from backchannel.protocols import Output, Start, bencode
from backchannel.protocols.bittorrent_dht.events import Swarm
from backchannel.protocols.bittorrent_tracker import tell
from backchannel.protocols.bittorrent_tracker.requests import (
    Request,
    read_answer,
    read_request,
    read_swarms,
)
from backchannel.protocols.compact import text
from backchannel.protocols.http.carried import Carried
from backchannel.protocols.http.fields import authority, product
from backchannel.protocols.http.heads import Head
from backchannel.protocols.http.wire import Body, Broken, Done, Skipped, Told
from backchannel.protocols.peer_id import shown
from backchannel.reader import WireError

PENDING = 64
LARGEST = 1 << 17
"""Bytes of an answer: a thousand peers in dictionaries."""


class Web(Carried):
    """One connection to a tracker."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.service = "bittorrent"
        self._client = start.client
        self._asked: deque[Request | None] = deque(maxlen=PENDING)
        self._body: bytearray | None = None
        """What came of an answer; None outside of one, or where a part is missing."""
        self._program = ""

    def _tell(self, told: Told) -> list[Output]:
        out: list[Output] = []
        for side, item in told:
            if isinstance(item, Broken):
                out.append(Malformed(reason=item.reason))
            elif isinstance(item, Head):
                if item.request:
                    self._request(item, out)
                else:
                    self._body = bytearray()
            elif side is Side.SERVER:
                self._content(item, out)
        return out

    def _request(self, head: Head, out: list[Output]) -> None:
        place = authority(head.get("host"))
        request = read_request(head.target, place[0].lower() if place else "")
        self._asked.append(request)
        if request is None:
            return
        self.standing = Standing.PARSED  # nothing else asks like that
        agent = head.get("user-agent")[: tell.SHOWN]
        if agent and agent != self._program:
            self._program = agent
            name, version = product(agent)
            out.append(Software(name=name, version=version, role="peer"))
        if request.announce is not None:
            out += tell.announced(request.announce, self._client)
        else:
            out += tell.scraped(request.hashes)

    def _content(self, item: Body | Skipped | Done | object, out: list[Output]) -> None:
        if isinstance(item, Body) and self._body is not None:
            self._body += item.data
            if len(self._body) > LARGEST:
                self._body = None
        elif isinstance(item, Skipped):
            self._body = None
        elif isinstance(item, Done):
            body, self._body = self._body, None
            request = self._asked.popleft() if self._asked else None
            if body and item.complete and request is not None:
                self._answer(request, bytes(body), out)

    def _answer(self, request: Request, body: bytes, out: list[Output]) -> None:
        try:
            said = bencode.read_dict(body, items=1 << 14)
        except WireError:
            return  # a page in words, as a server's own errors are
        outside = text(bencode.octets(said, b"external ip"))
        if outside and outside != self._client.address:
            out.append(
                PeerAddress(
                    use=Capability.FILE_SHARING,
                    account=shown(request.announce.peer) if request.announce else "",
                    address=outside,
                    how="seen-as",
                )
            )
        answer = read_answer(said)
        if request.announce is not None or answer.failure:
            out += tell.answered(answer, request.announce, self._client)
            return
        for found, seeds, others, downloads in read_swarms(said):
            out.append(Swarm(hash=found.hex(), seeds=seeds, peers=others, downloads=downloads))
