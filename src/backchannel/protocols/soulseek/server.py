"""What a Soulseek client and the server say to each other. Bodies in, events out.

One function a message and direction; add one there and a line in a table at the end.
"""

from collections.abc import Callable, Iterator

from backchannel.events import (
    Credential,
    Message,
    Peer,
    Presence,
    Room,
    Search,
    Share,
    SignOff,
    SignOn,
    SignOnAnswer,
)
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.soulseek import wire
from backchannel.protocols.soulseek.context import Call
from backchannel.protocols.soulseek.talk import Talk
from backchannel.reader import Reader

C, S = Side.CLIENT, Side.SERVER
MEMBERS = 1000
"""Members of a room, or users of a list, that are told."""
_STATUS = {0: "offline", 1: "away", 2: "online"}
_PLAIN = "soulseek"


def _message(
    sender: str, recipient: str, text: str, *, room: str = "", kind: str = "text"
) -> Message:
    return Message(
        sender=sender, recipient=recipient, text=text, room=room, kind=kind, size=len(text)
    )


# -- from the client -------------------------------------------------------------------------------


def _login(talk: Talk, reader: Reader) -> Iterator[Output]:
    user, password = wire.text(reader), wire.text(reader)
    version = reader.u32le() if reader else 0
    talk.users[C] = user
    yield SignOn(account=user, method="plain", version=str(version or ""))
    if password:
        yield Credential(account=user, kind="plain", scheme=_PLAIN, secret=password)


def _listens(talk: Talk, reader: Reader) -> Iterator[Output]:
    port, masked = reader.u32le(), 0
    if len(reader) >= 8 and reader.u32le():
        masked = reader.u32le()
    me, address = talk.account(C), talk.ends[C].address
    yield from talk.expect(Call(me), address, port)
    yield from talk.expect(Call(me, masked=True), address, masked)


def _says_in_room(talk: Talk, reader: Reader) -> Iterator[Output]:
    room, text = wire.text(reader), wire.text(reader, wire.TEXT)
    yield _message(talk.account(C), "", text, room=room)


def _says(talk: Talk, reader: Reader) -> Iterator[Output]:
    user, text = wire.text(reader), wire.text(reader, wire.TEXT)
    yield _message(talk.account(C), user, text)


def _says_to_many(talk: Talk, reader: Reader) -> Iterator[Output]:
    users = _users(reader)
    text = wire.text(reader, wire.TEXT)
    for user in users:
        yield _message(talk.account(C), user, text)


def _users(reader: Reader) -> list[str]:
    users: list[str] = []
    for _ in range(reader.u32le()):
        user = wire.text(reader)
        if len(users) < MEMBERS:
            users.append(user)
    return users


def _searches(talk: Talk, reader: Reader) -> Iterator[Output]:
    token = str(reader.u32le())
    yield Search(text=wire.text(reader), id=token, account=talk.account(C))


def _wishes(talk: Talk, reader: Reader) -> Iterator[Output]:
    token = str(reader.u32le())
    yield Search(text=wire.text(reader), id=token, account=talk.account(C), detail="wish")


def _searches_at(talk: Talk, reader: Reader) -> Iterator[Output]:
    where, token = wire.text(reader), str(reader.u32le())
    yield Search(text=wire.text(reader), id=token, account=talk.account(C), detail=f"at {where}")


def _status(talk: Talk, reader: Reader) -> Iterator[Output]:
    word = _STATUS.get(reader.u32le(), "unknown")
    yield Presence(account=talk.account(C), status=word)


def _shares(talk: Talk, reader: Reader) -> Iterator[Output]:
    reader.skip(4)  # folders
    if (total := reader.u32le()) and talk.is_new("shares", total):
        yield Share(owner=talk.account(C), total=total)


def _new_password(talk: Talk, reader: Reader) -> Iterator[Output]:
    secret = wire.text(reader)
    yield Credential(account=talk.account(C), kind="plain", scheme=_PLAIN, secret=secret)


# -- from the server -------------------------------------------------------------------------------


def _let_in(talk: Talk, reader: Reader) -> Iterator[Output]:
    accepted = reader.u8() != 0
    reason = wire.text(reader)
    yield SignOnAnswer(
        account=talk.account(C), accepted=accepted, reason="" if accepted else reason
    )
    if accepted and len(reader) >= 4:
        address = wire.address(reader)
        if address != talk.ends[C].address:
            yield from talk.address(talk.account(C), address, 0, "seen-as")


def _peer_address(talk: Talk, reader: Reader) -> Iterator[Output]:
    user, address, port = wire.text(reader), wire.address(reader), reader.u32le()
    masked = 0
    if len(reader) >= 6 and reader.u32le():
        masked = reader.u16le()
    yield from _met(talk, Call(user, talk.account(C)), address, port, masked)


def _met(talk: Talk, call: Call, address: str, port: int, masked: int) -> Iterator[Output]:
    """The client is told where a user is."""
    yield from talk.address(call.listens, address, port, "peer-address")
    source = talk.ends[C].address
    yield from talk.expect(call, address, port, source)
    hidden = Call(call.listens, call.connects, call.kind, call.token, masked=True)
    yield from talk.expect(hidden, address, masked, source)


def _connect(talk: Talk, reader: Reader) -> Iterator[Output]:
    user, kind, address = wire.text(reader), wire.text(reader), wire.address(reader)
    port, token = reader.u32le(), reader.u32le()
    masked = 0
    if len(reader) >= 9:
        reader.skip(1)
        masked = reader.u32le() and reader.u32le()
    yield from _met(talk, Call(user, talk.account(C), kind[:1], token), address, port, masked)


def _watched(_talk: Talk, reader: Reader) -> Iterator[Output]:
    user = wire.text(reader)
    if reader.u8():
        yield Presence(account=user, status=_STATUS.get(reader.u32le(), "unknown"))


def _presence(_talk: Talk, reader: Reader) -> Iterator[Output]:
    user = wire.text(reader)
    yield Presence(account=user, status=_STATUS.get(reader.u32le(), "unknown"))


def _said_in_room(talk: Talk, reader: Reader) -> Iterator[Output]:
    room, user, text = wire.text(reader), wire.text(reader), wire.text(reader, wire.TEXT)
    if user != talk.users[C]:  # the server repeats what the client itself said
        yield _message(user, "", text, room=room)


def _said(talk: Talk, reader: Reader) -> Iterator[Output]:
    number = reader.u32le()
    reader.skip(4)  # when
    user, text = wire.text(reader), wire.text(reader, wire.TEXT)
    direct = reader.u8() if reader else 1
    if talk.is_new("message", number, user):  # repeated until it is acknowledged
        yield _message(user, talk.account(C), text, kind="text" if direct else "offline")


def _announced(talk: Talk, reader: Reader) -> Iterator[Output]:
    yield _message("server", talk.account(C), wire.text(reader, wire.TEXT), kind="server")


def _joined(talk: Talk, reader: Reader) -> Iterator[Output]:
    room = wire.text(reader)
    others = tuple(user for user in _users(reader) if user != talk.users[C])
    yield Room(room=room, action="join", account=talk.account(C), others=others)


def _left(talk: Talk, reader: Reader) -> Iterator[Output]:
    yield Room(room=wire.text(reader), action="leave", account=talk.account(C))


def _other_joined(_talk: Talk, reader: Reader) -> Iterator[Output]:
    yield Room(room=wire.text(reader), action="join", account=wire.text(reader))


def _other_left(_talk: Talk, reader: Reader) -> Iterator[Output]:
    yield Room(room=wire.text(reader), action="leave", account=wire.text(reader))


def _searched(talk: Talk, reader: Reader) -> Iterator[Output]:
    user, token = wire.text(reader), str(reader.u32le())
    if user != talk.users[C]:  # the server may ask the one who asked as well
        yield Search(text=wire.text(reader), id=token, account=user)


def _passed_on(talk: Talk, reader: Reader) -> Iterator[Output]:
    """A search for the tree, as the server gives it to who stands on top."""
    reader.skip(5)
    return _searched(talk, reader)


def _parents(talk: Talk, reader: Reader) -> Iterator[Output]:
    for _ in range(min(reader.u32le(), MEMBERS)):
        user, address, port = wire.text(reader), wire.address(reader), reader.u32le()
        if talk.is_new("parent", address, port):
            yield Peer(address=address, port=port & 0xFFFF, role="parent")
            yield from _met(talk, Call(user, talk.account(C), "D"), address, port, 0)


def _kicked(talk: Talk, _reader: Reader) -> Iterator[Output]:
    yield SignOff(account=talk.account(C), reason="signed on elsewhere")


Reads = Callable[[Talk, Reader], Iterator[Output]]
MESSAGES: dict[tuple[Side, int], Reads] = {
    (C, 1): _login,
    (C, 2): _listens,
    (C, 13): _says_in_room,
    (C, 22): _says,
    (C, 26): _searches,
    (C, 28): _status,
    (C, 35): _shares,
    (C, 42): _searches_at,
    (C, 103): _wishes,
    (C, 120): _searches_at,
    (C, 142): _new_password,
    (C, 149): _says_to_many,
    (S, 1): _let_in,
    (S, 3): _peer_address,
    (S, 5): _watched,
    (S, 7): _presence,
    (S, 13): _said_in_room,
    (S, 14): _joined,
    (S, 15): _left,
    (S, 16): _other_joined,
    (S, 17): _other_left,
    (S, 18): _connect,
    (S, 22): _said,
    (S, 26): _searched,
    (S, 41): _kicked,
    (S, 66): _announced,
    (S, 93): _passed_on,
    (S, 102): _parents,
    (S, 152): _said_in_room,
}
