"""Kad 2, the hash table of eMule's clients. Bodies of datagrams in, events out.

One function a kind of message; add a message there and a line in the table at the end. Numbers of
128 bits are sent as four little-endian words, addresses turned round. Keywords are looked for by
the MD4 of the word. eMule's `kademlia/net/KademliaUDPListener.cpp`, `kademlia/io/DataIO.cpp`.
"""

from collections.abc import Callable, Iterator

from backchannel.events import Peer, Search, SearchHit, Share, SharedFile
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.edonkey import query, tags, wire
from backchannel.protocols.edonkey.events import Callback, FileComment
from backchannel.protocols.edonkey.md4 import md4
from backchannel.protocols.edonkey.tags import Tags
from backchannel.protocols.edonkey.talk import Receiver, expect, expect_datagrams, shared_file
from backchannel.protocols.edonkey_udp.memory import Memory, contact, number
from backchannel.reader import Reader, WireError

TOLD = 512
"""Nodes of a flow that are told one by one; more are counted."""
SOURCE_PORT, SOURCE_IP, SOURCE_TYPE, UDP_PORT = 0xFD, 0xFE, 0xFF, 0xFC
RESTRICTED = 0x8000
"""Bit of a search's start: an expression follows."""
FIND = frozenset({0x02, 0x04, 0x0B})
"""How many contacts a look-up asks for: by this it says what it is for."""
_WORDS = '"()[]{}<>,._-!?:;\\/ '
"""What divides words of a name from each other, as eMule has it."""


def _nothing(_memory: Memory, _side: Side, _reader: Reader) -> Iterator[Output]:
    return iter(())


def _tags(reader: Reader) -> Tags:
    return tags.read(reader, reader.u8())


def _contacts(memory: Memory, side: Side, reader: Reader, count: int) -> Iterator[Output]:
    node = memory.nodes[side]
    for _ in range(count):
        found = contact(reader)
        node.contacts += 1
        if node.contacts <= TOLD and memory.is_new("node", found.address, found.udp):
            version = f"Kad {found.version}" if found.version else ""
            yield Peer(address=found.address, port=found.udp, role="kad node", software=version)
            yield from expect_datagrams(memory, found.address, found.udp, Receiver(node=found.id))


def _bootstrap(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    yield from _introduced(memory, side, reader)
    yield from _contacts(memory, side, reader, reader.u16le())


def _introduced(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    node, end = memory.nodes[side], memory.ends[side]
    node.id, port, node.version = reader.take(wire.HASH), reader.u16le(), reader.u8()
    yield from memory.address(memory.who(side), end.address, port, "listening-port")
    yield from expect_datagrams(memory, end.address, end.port, Receiver(node=node.id))


def _hello(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    yield from _introduced(memory, side, reader)
    port = tags.number(_tags(reader), UDP_PORT)
    if port and port != memory.ends[side].port:
        address = memory.ends[side].address
        yield from memory.address(memory.who(side), address, port, "listening-port", "udp")


def _hello_ack(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    memory.nodes[side].id = reader.take(wire.HASH)
    _tags(reader)
    yield from ()


def _look_up(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    if reader.u8() & 0x1F not in FIND:
        raise WireError("a look-up of unknown kind")
    reader.skip(wire.HASH)
    node, end = memory.nodes[side.other], memory.ends[side.other]
    node.id = reader.take(wire.HASH)
    yield from expect_datagrams(memory, end.address, end.port, Receiver(node=node.id))


def _found(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(wire.HASH)
    yield from _contacts(memory, side, reader, reader.u8())


# -- searches --------------------------------------------------------------------------------------


def _search_word(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    word, start = number(reader), reader.u16le()
    rest = query.read(reader) if start & RESTRICTED else ""
    memory.searched[side] = word
    if memory.is_new("search", side, word, rest):
        yield Search(text=rest or word, id=word, account=memory.who(side), detail="keyword")


def _search_sources(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    file, _ = number(reader), reader.u16le()
    memory.learn(file, size=reader.u64le())
    yield from _asked(memory, side, file, "sources")


def _search_notes(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    file = number(reader)
    memory.learn(file, size=reader.u64le())
    yield from _asked(memory, side, file, "notes")


def _asked(memory: Memory, side: Side, file: str, what: str) -> Iterator[Output]:
    if memory.is_new(what, side, file):
        yield Search(text=file, id=file, account=memory.who(side), detail=what)


def _results(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    memory.nodes[side].id = reader.take(wire.HASH)
    target = number(reader)
    for _ in range(reader.u16le()):
        answer, found = number(reader), _tags(reader)
        if SOURCE_TYPE in found or SOURCE_IP in found:
            yield from _source(memory, side, target, answer, found)
        elif tags.NAME in found and tags.SIZE in found:
            yield from _named(memory, side.other, target, tags.text(found, tags.NAME))
            if memory.is_new("hit", target, answer):
                file = shared_file(answer, found)
                yield SearchHit(owner="", id=target, files=(file,))
        elif tags.COMMENT in found or tags.DESCRIPTION in found or tags.RATING in found:
            yield _comment(target, answer, found)


def _source(memory: Memory, side: Side, target: str, user: str, found: Tags) -> Iterator[Output]:
    raw = tags.number(found, SOURCE_IP) & 0xFFFF_FFFF
    address = ".".join(map(str, raw.to_bytes(4, "big"))) if raw else ""
    port = tags.number(found, SOURCE_PORT) & 0xFFFF
    if memory.is_new("source", target, user):
        detail = f"source type {tags.number(found, SOURCE_TYPE)}"
        yield SearchHit(owner=user, address=address, port=port, id=target, detail=detail)
        yield from expect(address, port, user, memory.ends[side.other].address)


def _named(memory: Memory, side: Side, target: str, name: str) -> Iterator[Output]:
    """Say which word was searched for, if a name that was found holds it: its MD4 tells."""
    if memory.searched[side] != target:
        return
    word = _word(name, target)
    if word:
        memory.searched[side] = ""
        yield Search(text=word, id=target, account=memory.who(side), detail="keyword, by its hash")


def _word(name: str, target: str) -> str:
    words = name[:256].lower()
    for mark in _WORDS:
        words = words.replace(mark, " ")
    for word in words.split()[:32]:
        if md4(word.encode()).hex() == target:
            return word
    return ""


def _comment(file: str, user: str, found: Tags) -> FileComment:
    text = tags.text(found, tags.DESCRIPTION) or tags.text(found, tags.COMMENT)
    rating, name = tags.number(found, tags.RATING), tags.text(found, tags.NAME)
    return FileComment(hash=file, name=name, account=user, rating=rating, text=text)


# -- publishing ------------------------------------------------------------------------------------


def _publish_word(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    target, files = number(reader), list[SharedFile]()
    word = ""
    for _ in range(reader.u16le()):
        file, found = number(reader), _tags(reader)
        word = word or _word(tags.text(found, tags.NAME), target)
        if memory.is_new("publish", side, file):
            files.append(shared_file(file, found))
    if files:
        yield Share(owner=memory.who(side), files=tuple(files))


def _publish_source(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    file, user = number(reader), number(reader)
    found = _tags(reader)
    memory.users[side] = user
    if not memory.is_new("publish source", side, file):
        return
    shared = SharedFile(name=memory.name(file), size=tags.size(found), hash=file)
    yield Share(owner=user, files=(shared,))
    address, port = memory.ends[side].address, tags.number(found, SOURCE_PORT) & 0xFFFF
    yield from memory.address(user, address, port, "listening-port")
    yield from expect(address, port, user)


def _publish_notes(memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    file, user = number(reader), number(reader)
    found = _tags(reader)
    if memory.is_new("note", file, user):
        yield _comment(file, user, found)


def _published(_memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(wire.HASH + 1)
    if reader:
        reader.skip(1)
    yield from ()


# -- who can be reached ----------------------------------------------------------------------------


def _firewalled(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    return _checked(memory, side, reader.u16le(), "")


def _firewalled_2(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    port, user = reader.u16le(), number(reader)
    reader.skip(1)
    memory.users[side] = user
    return _checked(memory, side, port, user)


def _checked(memory: Memory, side: Side, port: int, user: str) -> Iterator[Output]:
    """Whoever asks whether it can be reached is connected to."""
    address = memory.ends[side].address
    yield from memory.address(memory.who(side), address, port, "listening-port")
    yield from expect(address, port, user, memory.ends[side.other].address)


def _seen_as(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    address = wire.turned(reader)
    if address != memory.ends[side.other].address:
        yield from memory.address(memory.who(side.other), address, 0, "seen-as")


def _buddy(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    reader.skip(wire.HASH)
    user, port = number(reader), reader.u16le()
    if len(reader) == 1:
        reader.skip(1)
    memory.users[side] = user
    address = memory.ends[side].address
    yield from memory.address(user, address, port, "listening-port")
    yield from expect(address, port, user, memory.ends[side.other].address)


def _call_back(memory: Memory, side: Side, reader: Reader) -> Iterator[Output]:
    buddy, file, port = number(reader), number(reader), reader.u16le()
    yield Callback(account=buddy, hash=file)
    yield from expect(memory.ends[side].address, port)


def _skip(size: int) -> "Reads":
    def skipped(_memory: Memory, _side: Side, reader: Reader) -> Iterator[Output]:
        reader.skip(size)
        return iter(())

    return skipped


Reads = Callable[[Memory, Side, Reader], Iterator[Output]]
MESSAGES: dict[int, tuple[str, Reads, bool]] = {
    0x01: ("bootstrap-req", _nothing, False),
    0x09: ("bootstrap-res", _bootstrap, True),
    0x11: ("hello-req", _hello, True),
    0x19: ("hello-res", _hello, True),
    0x21: ("req", _look_up, False),
    0x22: ("hello-res-ack", _hello_ack, False),
    0x29: ("res", _found, True),
    0x33: ("search-key-req", _search_word, False),
    0x34: ("search-source-req", _search_sources, False),
    0x35: ("search-notes-req", _search_notes, False),
    0x3B: ("search-res", _results, True),
    0x43: ("publish-key-req", _publish_word, True),
    0x44: ("publish-source-req", _publish_source, True),
    0x45: ("publish-notes-req", _publish_notes, True),
    0x4B: ("publish-res", _published, False),
    0x4C: ("publish-res-ack", _nothing, False),
    0x50: ("firewalled-req", _firewalled, False),
    0x51: ("find-buddy-req", _buddy, False),
    0x52: ("callback-req", _call_back, False),
    0x53: ("firewalled2-req", _firewalled_2, False),
    0x58: ("firewalled-res", _seen_as, False),
    0x59: ("firewalled-ack-res", _nothing, False),
    0x5A: ("find-buddy-res", _buddy, False),
    0x60: ("ping", _nothing, False),
    0x61: ("pong", _skip(2), False),
    0x62: ("firewall-udp", _skip(3), False),
}
"""Name, what reads it, and whether one alone has so much form that it cannot be chance."""
