"""What clients of eDonkey say to each other. Bodies in, events out.

One function a kind of message; add a message there and a line in a table at the end. Pieces of
files do not come here: `parts.py` takes them as they arrive.
"""

from collections.abc import Callable, Iterator

from backchannel.events import Anomaly, Download, Message, Peer, Profile, Search, Share
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.edonkey import software, sources, tags, wire
from backchannel.protocols.edonkey.events import (
    Browse,
    FileComment,
    FilePreview,
    PeerGreeting,
    QueueRank,
)
from backchannel.protocols.edonkey.talk import (
    Receiver,
    Talk,
    entries,
    expect,
    expect_datagrams,
    shared_file,
)
from backchannel.reader import Reader
from backchannel.text import endpoint, utf8

TEXT = 4096
"""Characters of a message or comment that are told."""
FOLDERS = 500
NO_SERVER = "0.0.0.0:0"
_AICH = 20
_WITH_MD4, _WITH_SIZE, _WITH_AICH = 1, 2, 4


def is_hello(body: bytes) -> bool:
    """Whether a body of kind 01 is a greeting between clients, not a sign-on to a server."""
    return body[:1] == b"\x10" and len(body) >= 33 and int.from_bytes(body[23:27], "little") < 64


def _hello(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(1)
    return _introduced(talk, side, reader)


def _introduced(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    user = talk.users[side] = wire.hash_of(reader)
    client, port = reader.u32le(), reader.u16le()
    talk.ports[side] = port
    found = tags.read(reader, reader.u32le())
    name, version = software.named(found)
    server = endpoint(reader.ipv4(), reader.u16le()) if len(reader) >= 6 else ""
    server = "" if server == NO_SERVER else server
    yield PeerGreeting(account=user, to=talk.account(side.other), port=port, server=server)
    yield from talk.software(side, name, version)
    if (nickname := tags.text(found, tags.NAME)) and talk.is_new("nick", side, nickname):
        yield Profile(account=user, nickname=nickname)
    yield from talk.address(user, wire.address_of(client), port, "hello")
    udp = tags.number(found, tags.UDP_PORTS)
    for how, number in (("udp-port", udp & 0xFFFF), ("kad-port", udp >> 16 & 0xFFFF)):
        if number and (how == "udp-port" or number != udp & 0xFFFF):
            yield from talk.address(user, talk.ends[side].address, number, how, "udp")
            receiver = Receiver(user=bytes.fromhex(user))
            yield from expect_datagrams(talk, talk.ends[side].address, number, receiver)
    if buddy := tags.number(found, tags.BUDDY):
        buddy_port = tags.number(found, tags.BUDDY_PORT) & 0xFFFF
        yield from talk.address("", wire.address_of(buddy), buddy_port, "buddy", "udp")
    yield from expect(talk.ends[side].address, port, user)
    if server and talk.is_new("server", server):
        address, _, server_port = server.rpartition(":")
        yield Peer(address=address, port=int(server_port), role="server")


def _info(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    version = reader.u8()
    reader.skip(1)
    found = tags.read(reader, reader.u32le())
    program = software.PROGRAMS.get(tags.number(found, 0x26), "")
    mod = tags.text(found, tags.MOD)
    if mod or program not in ("", "eMule"):
        yield from talk.software(side, program, mod or f"{version >> 4}.{version & 15:x}")


def _wants(talk: Talk, side: Side, file: str) -> Iterator[Output]:
    """Tell once that *side* asks for a file."""
    talk.asked[side] = file
    if talk.is_new("download", side, file):
        yield Download(name=talk.name(file), account=talk.account(side), hash=file)


def _has(talk: Talk, side: Side, file: str, name: str) -> Iterator[Output]:
    talk.learn(file, name)
    if talk.is_new("has", side, file, name):
        shared = shared_file(file, {tags.NAME: name, tags.SIZE: talk.size(file) or 0})
        yield Share(owner=talk.account(side), files=(shared,))


def _asks_file(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    return _wants(talk, side, wire.hash_of(reader))


def _multi(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    return _wants(talk, side, wire.hash_of(reader))


def _multi_sized(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    file = wire.hash_of(reader)
    talk.learn(file, size=reader.u64le())
    return _wants(talk, side, file)


def _multi_identified(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    return _wants(talk, side, _identifier(talk, reader))


def _identifier(talk: Talk, reader: Reader) -> str:
    """Take what names a file in newer messages: the hash, the size, another hash."""
    holds = reader.u8()
    file = wire.hash_of(reader) if holds & _WITH_MD4 else ""
    if holds & _WITH_SIZE:
        size = reader.u64le()
        if file:
            talk.learn(file, size=size)
    if holds & _WITH_AICH:
        reader.skip(_AICH)
    return file


def _multi_answer(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    return _answers(talk, side, wire.hash_of(reader), reader)


def _multi_answer_identified(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    return _answers(talk, side, _identifier(talk, reader), reader)


def _answers(talk: Talk, side: Side, file: str, reader: Reader) -> Iterator[Output]:
    while reader:
        kind = reader.u8()
        if kind == wire.NAME:
            yield from _has(talk, side, file, utf8(wire.text16(reader))[: tags.SHOWN])
        elif kind == wire.FILE_STATUS:
            reader.skip((reader.u16le() + 7) // 8)
        elif kind == 0x9D:
            reader.skip(_AICH)
        else:
            return


def _name(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    file = wire.hash_of(reader)
    return _has(talk, side, file, utf8(wire.text16(reader))[: tags.SHOWN])


def _queue_rank(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    return _ranked(talk, side, reader.u32le())


def _queue_ranking(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    return _ranked(talk, side, reader.u16le())


def _ranked(talk: Talk, side: Side, rank: int) -> Iterator[Output]:
    waits = side.other
    yield QueueRank(account=talk.account(waits), rank=rank, hash=talk.asked[waits])


def _browse(talk: Talk, side: Side, _reader: Reader) -> Iterator[Output]:
    yield Browse(owner=talk.account(side.other), by=talk.account(side))


def _browse_folder(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    folder = utf8(wire.text16(reader))[: tags.SHOWN]
    yield Browse(owner=talk.account(side.other), by=talk.account(side), folder=folder)


def _folders(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    count = reader.u32le()
    named = tuple(utf8(wire.text16(reader))[: tags.SHOWN] for _ in range(min(count, FOLDERS)))
    yield Browse(owner=talk.account(side), by=talk.account(side.other), folders=named)


def _denied(talk: Talk, side: Side, _reader: Reader) -> Iterator[Output]:
    yield Browse(owner=talk.account(side), by=talk.account(side.other), action="denied")


def _shared(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    total = reader.u32le()
    files = tuple(file for file, _, _ in entries(reader, total))
    yield Share(owner=talk.account(side), files=files, total=total)
    if total:
        yield Anomaly(kind="anonymous-listing", detail=f"{total} files")


def _folder(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    wire.text16(reader)
    return _shared(talk, side, reader)


def _message(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    text = utf8(wire.text16(reader))
    sender, recipient = talk.account(side), talk.account(side.other)
    yield Message(sender=sender, recipient=recipient, text=text[:TEXT], size=len(text))


def _comment(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    rating, text = reader.u8(), utf8(reader.take(reader.u32le()))[:TEXT]
    file = talk.asked[side.other]
    yield FileComment(
        hash=file, name=talk.name(file), account=talk.account(side), rating=rating, text=text
    )


def _asks_sources(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    return _sources_wanted(talk, side, wire.hash_of(reader))


def _asks_sources_2(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(3)
    return _sources_wanted(talk, side, wire.hash_of(reader))


def _sources_wanted(talk: Talk, side: Side, file: str) -> Iterator[Output]:
    if talk.is_new("ask sources", side, file):
        yield Search(text=file, id=file, account=talk.users[side], detail="sources")


def _gives_sources(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    return sources.from_client(talk, reader, talk.ends[side.other].address)


def _gives_sources_2(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    version = reader.u8()
    return sources.from_client(talk, reader, talk.ends[side.other].address, version)


def _asks_preview(_talk: Talk, _side: Side, reader: Reader) -> Iterator[Output]:
    yield FilePreview(hash=wire.hash_of(reader), action="asked")


def _preview(_talk: Talk, _side: Side, reader: Reader) -> Iterator[Output]:
    yield FilePreview(hash=wire.hash_of(reader), action="sent", frames=reader.u8())


def _public_ip(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    address = reader.ipv4()
    if address != talk.ends[side.other].address:
        yield from talk.address(talk.account(side.other), address, 0, "seen-as")


def _call_back(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    """A buddy passes on who wants to be called: buddy's id, file, address, port."""
    reader.skip(2 * wire.HASH)
    address, port = reader.ipv4(), reader.u16le()
    yield from talk.address("", address, port, "callback")
    yield from expect(address, port, source=talk.ends[side.other].address)


Reads = Callable[[Talk, Side, Reader], Iterator[Output]]
HELLO: Reads = _hello
EDONKEY: dict[int, Reads] = {
    wire.HELLO_ANSWER: _introduced,
    wire.MESSAGE: _message,
    wire.SET_FILE: _asks_file,
    wire.ASK_SLOT: _asks_file,
    wire.ASK_NAME: _asks_file,
    wire.NAME: _name,
    wire.QUEUE_RANK: _queue_rank,
    wire.ASK_SHARED: _browse,
    wire.ASK_FOLDERS: _browse,
    wire.ASK_FOLDER: _browse_folder,
    wire.SHARED: _shared,
    wire.FOLDERS: _folders,
    wire.FOLDER: _folder,
    wire.NOT_SHARED: _denied,
}
EMULE: dict[int, Reads] = {
    wire.INFO: _info,
    wire.INFO_ANSWER: _info,
    wire.QUEUE_RANKING: _queue_ranking,
    wire.COMMENT: _comment,
    wire.ASK_SOURCES: _asks_sources,
    wire.GIVE_SOURCES: _gives_sources,
    wire.ASK_SOURCES_2: _asks_sources_2,
    wire.GIVE_SOURCES_2: _gives_sources_2,
    wire.ASK_PREVIEW: _asks_preview,
    wire.PREVIEW: _preview,
    wire.PUBLIC_IP: _public_ip,
    wire.CALL_BACK: _call_back,
    wire.MULTI: _multi,
    wire.MULTI_SIZED: _multi_sized,
    wire.MULTI_SIZED_2: _multi_identified,
    wire.MULTI_ANSWER: _multi_answer,
    wire.MULTI_ANSWER_2: _multi_answer_identified,
}
