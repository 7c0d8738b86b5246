"""eDonkey's datagrams beside Kad: between clients, and of clients with servers. Bodies in, events
out; one function a kind, as in `kad.py`.
"""

from collections.abc import Iterator

from backchannel.events import Download, Peer, Search
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.edonkey import query, sources, tags, wire
from backchannel.protocols.edonkey.events import Callback, EdonkeyServer, QueueRank
from backchannel.protocols.edonkey.server import hits
from backchannel.protocols.edonkey.talk import expect
from backchannel.protocols.edonkey_udp.kad import Reads
from backchannel.protocols.edonkey_udp.memory import Memory
from backchannel.reader import Reader, WireError
from backchannel.text import utf8

AGAIN = 64
"""Answers of one kind that a datagram may hold one after the other."""
_NEW_DESCRIPTION = 0xF0FF
"""What the lower half of a challenge is where a description in tags is asked for."""


def _reask(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    file = wire.hash_of(reader)
    _part_map(reader)
    if reader:
        reader.skip(2)  # sources that have all of it
    memory.asked[side] = file
    if memory.is_new("download", side, file):
        yield Download(name=memory.name(file), account=memory.who(side), hash=file)


def _part_map(reader: Reader) -> None:
    """Walk over which parts somebody has."""
    if len(reader) > 2:
        reader.skip((reader.u16le() + 7) // 8)


def _rank(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    _part_map(reader)
    rank, waits = reader.u16le(), side.other
    if memory.is_new("rank", side, rank, memory.asked[waits]):
        yield QueueRank(account=memory.who(waits), rank=rank, hash=memory.asked[waits])


def _nothing(_memory: Memory, _side: Side, _reader: Reader) -> Iterator[Output]:
    return iter(())


def _buddy_reask(_memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    buddy, file = wire.hash_of(reader), wire.hash_of(reader)
    reader.rest()  # part map and sources, as the client that asks has them
    yield Callback(account=buddy, hash=file)


def _call_back(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    port, user = reader.u16le(), wire.hash_of(reader)
    reader.skip(1)
    memory.users[side] = user
    address = memory.ends[side].address
    yield from memory.address(user, address, port, "listening-port")
    yield from expect(address, port, user, memory.ends[side.other].address)


# -- servers ---------------------------------------------------------------------------------------


def _ask_status(_memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(4)
    return iter(())


def _status(_memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(4)
    yield EdonkeyServer(users=reader.u32le(), files=reader.u32le())
    reader.rest()  # limits, flags, ports and a key, as far as the server is new enough


def _ask_list(_memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(6)  # where the server that asks is
    return iter(())


def _ask_description(_memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    if reader and reader.u32le() & 0xFFFF != _NEW_DESCRIPTION:
        raise WireError("a question for a description without its mark")
    return iter(())


def _description(_memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    if int.from_bytes(reader.peek(2), "little") == _NEW_DESCRIPTION:
        reader.skip(4)
        found = tags.read(reader, reader.u32le())
        name, about = tags.text(found, tags.NAME), tags.text(found, tags.DESCRIPTION)
    else:
        name, about = utf8(wire.text16(reader)), utf8(wire.text16(reader))
    yield EdonkeyServer(name=name[: tags.SHOWN], description=about[: tags.SHOWN])


def _search(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    text = query.read(reader)
    if memory.is_new("search", side, text):
        yield Search(text=text, account=memory.who(side), detail="global")


def _search_3(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    tags.read(reader, reader.u32le())
    return _search(memory, side, reader)


def _results(_memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    for _ in _again(reader, 0x99):
        yield from hits(reader, 1)


def _again(reader: Reader, kind: int) -> Iterator[None]:
    """Step through answers that stand one after the other, each behind its own first bytes."""
    for _ in range(AGAIN):
        yield
        if not reader:
            return
        if reader.take(2) != bytes((wire.EDONKEY, kind)):
            raise WireError("something else behind an answer")


def _ask_sources(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    while reader:
        yield from _sources_of(memory, side, wire.hash_of(reader))


def _ask_sources_2(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    while reader:
        file, size = wire.hash_of(reader), reader.u32le()
        memory.learn(file, size=size or reader.u64le())
        yield from _sources_of(memory, side, file)


def _sources_of(memory: Memory, side: Side, file: str) -> Iterator[Output]:
    if memory.is_new("sources", side, file):
        yield Search(text=file, id=file, account=memory.who(side), detail="sources")


def _sources(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    asker = memory.ends[side.other].address
    for _ in _again(reader, 0x9B):
        yield from sources.from_server(memory, reader, asker, sealed=False)


def _ask_callback(_memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(6)
    yield Callback(account=f"low id {reader.u32le()}")


def _failed(_memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    yield Callback(account=f"low id {reader.u32le()}", status="failed")


def _servers(memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    for _ in range(reader.u8()):
        address, port = reader.ipv4(), reader.u16le()
        if memory.is_new("server", address, port):
            yield Peer(address=address, port=port, role="server")


CLIENTS: dict[int, tuple[str, Reads, bool]] = {
    0x90: ("reask-file-ping", _reask, False),
    0x91: ("reask-ack", _rank, False),
    0x92: ("file-not-found", _nothing, False),
    0x93: ("queue-full", _nothing, False),
    0x94: ("reask-callback", _buddy_reask, False),
    0x95: ("direct-callback-req", _call_back, False),
    0xFE: ("port-test", _nothing, False),
}
SERVERS: dict[int, tuple[str, Reads, bool]] = {
    0x90: ("search-3", _search_3, True),
    0x92: ("search-2", _search, True),
    0x94: ("sources-2", _ask_sources_2, False),
    0x96: ("status-req", _ask_status, False),
    0x97: ("status-res", _status, False),
    0x98: ("search", _search, True),
    0x99: ("search-res", _results, True),
    0x9A: ("sources", _ask_sources, False),
    0x9B: ("found-sources", _sources, False),
    0x9C: ("callback-req", _ask_callback, False),
    0x9E: ("invalid-low-id", _failed, False),
    0xA0: ("server-list-req", _ask_list, False),
    0xA1: ("server-list-res", _servers, False),
    0xA2: ("description-req", _ask_description, False),
    0xA3: ("description-res", _description, True),
}
"""Name, what reads it, and whether one alone has so much form that it cannot be chance."""
