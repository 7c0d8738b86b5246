"""Trackers over UDP (BEP 15, 41). Datagrams in, values out.

    connect     41727101980 u64 | 0 | transaction          0 | transaction | connection u64
    announce    connection | 1 | transaction | info hash | peer id | downloaded u64 | left u64
                | uploaded u64 | event | address | key | wanted | port u16 | [options]
                1 | transaction | interval | leechers | seeders | addresses
    scrape      connection | 2 | transaction | info hashes
                2 | transaction | (seeders | completed | leechers) for each
    error       3 | transaction | words                    all numbers u32 where nothing is said

Held: PENDING questions.
"""

from collections import OrderedDict
from typing import NamedTuple

from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.bittorrent_dht.events import Swarm
from backchannel.protocols.bittorrent_tracker import tell
from backchannel.protocols.bittorrent_tracker.model import HASH, SWARMS, Announce, Answer
from backchannel.protocols.bittorrent_tracker.requests import key_in
from backchannel.protocols.compact import V4, V6, addresses, text
from backchannel.reader import Reader, WireError
from backchannel.text import utf8

MAGIC = 0x41727101980
PENDING = 64
ENOUGH = 4096
"""Datagrams of a flow that are read: a day of announcements every minute."""
_STAGES = ("", "completed", "started", "stopped")
_CONNECT, _ANNOUNCE, _SCRAPE, _ERROR = range(4)
_URL = 2


class _Asked(NamedTuple):
    """A question that waits for its answer."""

    action: int
    announce: Announce | None = None
    hashes: tuple[bytes, ...] = ()


class Datagrams:
    """One flow between a program and a tracker."""

    def __init__(self, start: Start) -> None:
        self.service = "bittorrent"
        self.standing = Standing.CLAIMED
        self.done = False
        self._client = start.client
        self._pending: OrderedDict[int, _Asked] = OrderedDict()
        self._left = ENOUGH

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*."""
        self._left -= 1
        self.done = self._left <= 0
        try:
            return self._asks(Reader(data)) if side is Side.CLIENT else self._answers(Reader(data))
        except WireError as error:
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
            return [Malformed(reason=str(error))]

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - any side's
        """Some datagram was not captured whole."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is held."""
        return []

    def _asks(self, reader: Reader) -> list[Output]:
        connection, action, transaction = reader.u64(), reader.u32(), reader.u32()
        asked, out = _Asked(action), list[Output]()
        if action == _CONNECT:
            if connection != MAGIC:
                raise WireError("a request to connect with another number")
        elif action == _ANNOUNCE:
            made = read_announce(reader)
            self.standing = Standing.PARSED  # nothing else is like that
            asked = _Asked(action, made)
            out = tell.announced(made, self._client)
        elif action == _SCRAPE:
            hashes = tuple(reader.take(HASH) for _ in range(len(reader) // HASH))
            asked = _Asked(action, None, hashes[:SWARMS])
            out = tell.scraped(asked.hashes)
        else:
            raise WireError(f"action {action} of a tracker")
        self._pending[transaction] = asked
        if len(self._pending) > PENDING:
            self._pending.popitem(last=False)
        return out

    def _answers(self, reader: Reader) -> list[Output]:
        action, asked = reader.u32(), self._pending.pop(reader.u32(), None)
        if asked is None:
            return []
        if action not in (asked.action, _ERROR):
            raise WireError(f"action {action} in answer to {asked.action}")
        self.standing = Standing.PARSED
        if action == _ERROR:
            answer = Answer(failure=utf8(reader.rest()[: tell.SHOWN]))
            return tell.answered(answer, asked.announce, self._client)
        if action == _ANNOUNCE:
            size = V6 if ":" in self._client.address else V4
            return tell.answered(read_answer(reader, size), asked.announce, self._client)
        return _swarms(reader, asked.hashes) if action == _SCRAPE else []


def read_announce(reader: Reader) -> Announce:
    """Return what follows the transaction of an announcement."""
    found, peer = reader.take(HASH), reader.take(20)
    downloaded, left, uploaded, event = reader.u64(), reader.u64(), reader.u64(), reader.u32()
    address = reader.take(4)
    reader.skip(8)
    if event >= len(_STAGES):
        raise WireError(f"event {event} of an announcement")
    port = reader.u16()
    return Announce(
        hash=found,
        peer=peer,
        port=port,
        uploaded=uploaded,
        downloaded=downloaded,
        left=left,
        stage=_STAGES[event],
        addresses=(text(address),) if any(address) else (),
        key=key_in(read_url(reader)),
    )


def read_url(reader: Reader) -> str:
    """Return the path and query of the tracker's URL that options hold (BEP 41)."""
    parts = []
    while reader and (kind := reader.u8()):
        data = reader.take(reader.u8()) if kind != 1 else b""
        parts.append(data if kind == _URL else b"")
    return utf8(b"".join(parts))


def read_answer(reader: Reader, size: int) -> Answer:
    """Return what follows the transaction of an answer; addresses have *size* bytes each."""
    interval, others, seeds = reader.u32(), reader.u32(), reader.u32()
    found = addresses(reader.rest(), size)
    return Answer(interval=interval, seeds=seeds, others=others, peers=tuple(found))


def _swarms(reader: Reader, hashes: tuple[bytes, ...]) -> list[Output]:
    out: list[Output] = []
    for found in hashes:
        if not reader:
            break
        seeds, downloads, others = reader.u32(), reader.u32(), reader.u32()
        out.append(Swarm(hash=found.hex(), seeds=seeds, peers=others, downloads=downloads))
    return out
