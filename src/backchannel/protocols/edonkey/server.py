"""What clients and servers of eDonkey say to each other. Bodies in, events out.

One function a kind of message; add a message there and a line in the table at the end. A client
signs on with its user hash and no password; the server tries to connect back, and answers with an
id: the client's address where that worked (*high*), else a number (*low*).
"""

import re
from collections.abc import Callable, Iterator

from backchannel.events import (
    Message,
    Peer,
    Profile,
    Search,
    SearchHit,
    Share,
    SignOff,
    SignOn,
    SignOnAnswer,
    Software,
)
from backchannel.model import Side
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.edonkey import query, software, sources, tags, wire
from backchannel.protocols.edonkey.events import Callback, EdonkeyServer
from backchannel.protocols.edonkey.talk import Talk, entries, expect
from backchannel.reader import Reader
from backchannel.text import utf8

TEXT = 4096
"""Characters of a server's message that are told."""
_VERSION = later(r"server version\s*+:?\s*+([\w.]{1,20})(?:\s*\(([^)]{1,40})\))?", re.IGNORECASE)


def _login(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    user = talk.users[side] = wire.hash_of(reader)
    client, talk.ports[side] = reader.u32le(), reader.u16le()
    found = tags.read(reader, reader.u32le())
    name, version = software.named(found)
    yield SignOn(
        account=user,
        method="user-hash",
        client=f"{name} {version}".strip(),
        version=str(tags.number(found, tags.VERSION) or ""),
    )
    if nickname := tags.text(found, tags.NAME):
        yield Profile(account=user, nickname=nickname)
    yield from talk.address(user, wire.address_of(client), talk.ports[side], "login")
    yield from expect(talk.ends[side].address, talk.ports[side], user)


def _rejected(talk: Talk, side: Side, _reader: Reader) -> Iterator[Output]:
    yield SignOnAnswer(account=talk.users[side.other], accepted=False, reason="rejected")


def _id_change(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    client, user = reader.u32le(), talk.users[side.other]
    if not client:
        yield SignOnAnswer(account=user, accepted=False, reason="no id")
        return
    address = wire.address_of(client)
    reason = "high id: can be reached" if address else f"low id {client}: cannot be reached"
    yield SignOnAnswer(account=user, accepted=True, reason=reason)
    yield from talk.address(user, address, talk.ports[side.other], "high-id")
    if len(reader) >= 12:  # flags, standard port, the address that the server sees
        reader.skip(8)
        yield from talk.address(user, wire.address_of(reader.u32le()), 0, "seen-as")


def _servers(talk: Talk, _side: Side, reader: Reader) -> Iterator[Output]:
    for _ in range(reader.u8()):
        address, port = reader.ipv4(), reader.u16le()
        if talk.is_new("server", address, port):
            yield Peer(address=address, port=port, role="server")


def _status(_talk: Talk, _side: Side, reader: Reader) -> Iterator[Output]:
    yield EdonkeyServer(users=reader.u32le(), files=reader.u32le())


def _ident(_talk: Talk, _side: Side, reader: Reader) -> Iterator[Output]:
    server, address, port = wire.hash_of(reader), reader.ipv4(), reader.u16le()
    found = tags.read(reader, reader.u32le())
    yield EdonkeyServer(
        name=tags.text(found, tags.NAME),
        description=tags.text(found, tags.DESCRIPTION),
        address=address,
        port=port,
        hash=server,
    )


def _server_message(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    text = utf8(wire.text16(reader))[:TEXT]
    if found := _VERSION.search(text):
        yield Software(name=found[2] or "eDonkey server", version=found[1], role="server")
    recipient = talk.users[side.other]
    yield Message(sender="server", recipient=recipient, text=text, kind="server", size=len(text))


def _offer(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    total = reader.u32le()
    files = tuple(file for file, _, _ in entries(reader, total))
    if files:  # an empty list is a sign of life
        yield Share(owner=talk.account(side), files=files, total=total)


def _search(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    yield Search(text=query.read(reader), account=talk.users[side])


def _search_user(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    yield Search(text=query.read(reader), account=talk.users[side], detail="users")


def _results(_talk: Talk, _side: Side, reader: Reader) -> Iterator[Output]:
    yield from hits(reader, reader.u32le())


def hits(reader: Reader, count: int) -> Iterator[SearchHit]:
    """Files that a search found, together by the client that each is said to be at."""
    by_owner: dict[tuple[int, int], list] = {}  # type: ignore[type-arg]
    for file, client, port in entries(reader, count):
        by_owner.setdefault((client, port), []).append(file)
    for (client, port), files in by_owner.items():
        address = wire.address_of(client)
        detail = f"low id {client}" if client and not address else ""
        yield SearchHit(owner="", address=address, port=port, files=tuple(files), detail=detail)


def _ask_sources(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    file = wire.hash_of(reader)
    if len(reader) >= 4:
        size = reader.u32le()
        talk.learn(file, size=size or (reader.u64le() if len(reader) >= 8 else 0))
    if talk.is_new("ask sources", file):
        yield Search(text=file, id=file, account=talk.users[side], detail="sources")


def _sources(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    return sources.from_server(talk, reader, talk.ends[side.other].address, sealed=False)


def _sources_sealed(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    return sources.from_server(talk, reader, talk.ends[side.other].address, sealed=True)


def _ask_callback(_talk: Talk, _side: Side, reader: Reader) -> Iterator[Output]:
    yield Callback(account=f"low id {reader.u32le()}")


def _called_back(talk: Talk, side: Side, reader: Reader) -> Iterator[Output]:
    """The client is asked to connect to who wants a file of it."""
    address, port = reader.ipv4(), reader.u16le()
    user = ""
    if len(reader) >= 1 + wire.HASH:
        reader.skip(1)
        user = wire.hash_of(reader)
    yield from talk.address(user, address, port, "callback")
    yield from expect(address, port, user, talk.ends[side.other].address)


def _callback_failed(_talk: Talk, _side: Side, _reader: Reader) -> Iterator[Output]:
    yield Callback(account="", status="failed")


def _disconnect(talk: Talk, side: Side, _reader: Reader) -> Iterator[Output]:
    yield SignOff(account=talk.users[side])


Reads = Callable[[Talk, Side, Reader], Iterator[Output]]
LOGIN: Reads = _login
MESSAGES: dict[int, Reads] = {
    wire.REJECT: _rejected,
    wire.OFFER_FILES: _offer,
    wire.SEARCH: _search,
    wire.DISCONNECT: _disconnect,
    wire.GET_SOURCES: _ask_sources,
    wire.GET_SOURCES_SEALED: _ask_sources,
    wire.SEARCH_USER: _search_user,
    wire.CALLBACK: _ask_callback,
    wire.SERVERS: _servers,
    wire.RESULTS: _results,
    wire.STATUS: _status,
    wire.CALLED_BACK: _called_back,
    wire.CALLBACK_FAILED: _callback_failed,
    wire.SERVER_MESSAGE: _server_message,
    wire.ID_CHANGE: _id_change,
    wire.SERVER_IDENT: _ident,
    wire.SOURCES: _sources,
    wire.SOURCES_SEALED: _sources_sealed,
}
