r"""What the packets of YPNS mean: one small function each, two tables at the bottom.

What a client puts into the content | what a server does:

    01 logon       cookie 01 name,own names (kind: status)  | friends
    02 logoff                                               | friends, or nothing
    03 04 status   code, or code 01 text                    | friends
    06 message     to,text       | from,flag,text; kind 4: from(code); kind 5: 6,6,to,from,date,text
    0a 1e 1f 28 29                                          | friends
    20 chat                                                 | as 06
    0f contact                                              | kind 3: who,flag,text; else friends
    18 invite      room 02 guests 02 text 02 type           | room 02 host 02 guests 02 text 02 type
    19 1b come, go room 02 members                          | room 02 who
    1a decline     room 02 members 02 text                  | room 02 who 02 text
    1c one more    room 02 guest 02 members 02 members 02 text 02 type
                   | kind 1: room 02 host 02 .. 02 members 02 text; kind 11: room 02 host 02 guest
    1d said        room 02 members 02 text                  | room 02 who 02 text
    46 file                                                 | from,flag,page,until,text

Friends are `name(code,connection,..,pager,chat,game)`, parted by commas, with their number before
them where they are several; behind code 99 stands a text, which 01 ends.
"""

from collections.abc import Callable, Iterator

import msgspec

from backchannel.events import (
    Credential,
    Message,
    Offer,
    Presence,
    Room,
    SignOff,
    SignOn,
    SignOnAnswer,
)
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.ymsg import tables
from backchannel.protocols.ymsg.markup import plain
from backchannel.protocols.ymsg.said import said
from backchannel.protocols.ymsg.state import number
from backchannel.protocols.ymsg.tables import Service
from backchannel.protocols.ymsg.transfers import split_url

CLIENT = "Yahoo! Pager"
_KEPT, _STATUS, _ADDED = 5, 4, 3
"""Kinds: a message that was kept, the status of whom one wrote to, somebody added this account."""
_ONE, _LOGGED_ON = 1, 0
_MOST_FRIENDS = 512
_END, _NEXT = "\x01", "\x02"


class Packet(msgspec.Struct, frozen=True):
    """One packet with its names and content as text."""

    service: int
    kind: int
    name: str
    in_use: str
    content: str

    def parts(self, count: int, mark: str = _NEXT) -> list[str]:
        """Return *count* parts of the content, empty where they are not there."""
        found = self.content.split(mark, count - 1)
        return found + [""] * (count - len(found))


class State(msgspec.Struct):
    """Whose connection it is."""

    account: str = ""


# -- what a client says ------------------------------------------------------------------------


def _sign_on(state: State, packet: Packet) -> Iterator[Output]:
    cookie, names = packet.parts(2, _END)
    state.account = packet.name or names.split(",")[0]
    yield SignOn(account=state.account, method="cookie", client=CLIENT)
    if cookie:
        yield Credential(
            account=state.account, kind="token", scheme="yahoo-pager-cookie", secret=cookie
        )
    if packet.kind in tables.STATUS and packet.kind:
        yield Presence(account=state.account, status=tables.STATUS[packet.kind])


def _sign_off(state: State, packet: Packet) -> Iterator[Output]:
    yield SignOff(account=state.account or packet.name)


def _own_status(state: State, packet: Packet) -> Iterator[Output]:
    written, text = packet.parts(2, _END)
    yield _presence(_self(state, packet), _number(written), text.strip(), packet.service)


def _writes(_state: State, packet: Packet) -> Iterator[Output]:
    to, text = packet.parts(2, ",")
    yield from said(packet.in_use, to, text)


def _invites(state: State, packet: Packet) -> Iterator[Output]:
    room, guests, text, _ = packet.parts(4)
    yield from _invitation(_self(state, packet), room, _names(guests), text)


def _invites_one(state: State, packet: Packet) -> Iterator[Output]:
    room, guest, _, _, text, _ = packet.parts(6)
    yield from _invitation(_self(state, packet), room, _names(guest), text)


def _comes_or_goes(state: State, packet: Packet) -> Iterator[Output]:
    room, members = packet.parts(2)
    account = _self(state, packet)
    if packet.service == Service.CONFLOGON:
        yield Room(room=room, action="join", account=account, others=_names(members))
    else:
        yield Room(room=room, action="leave", account=account)


def _declines(state: State, packet: Packet) -> Iterator[Output]:
    yield Room(room=packet.parts(2)[0], action="decline", account=_self(state, packet))


def _says(state: State, packet: Packet) -> Iterator[Output]:
    room, _, text = packet.parts(3)
    yield from said(_self(state, packet), "", text, room=room)


# -- what a server says ------------------------------------------------------------------------


def _logged_on(state: State, packet: Packet) -> Iterator[Output]:
    if packet.kind in {_LOGGED_ON, tables.FAILED}:
        state.account = state.account or packet.name
        yield SignOnAnswer(account=state.account, accepted=packet.kind == _LOGGED_ON)
    yield from _friends(state, packet)


def _logged_off(state: State, packet: Packet) -> Iterator[Output]:
    if packet.kind == tables.FAILED:
        yield SignOff(account=state.account or packet.name, reason="signed on elsewhere")
    yield from _friends(state, packet)


def _friends(_state: State, packet: Packet) -> Iterator[Output]:
    content, at = packet.content, 0
    for _ in range(_MOST_FRIENDS):
        opened = content.find("(", at)
        code_ends = content.find(",", opened)
        if opened < 0 or code_ends < 0:
            return
        name, code = content[at:opened].rpartition(",")[2], _number(content[opened + 1 : code_ends])
        at, text = code_ends + 1, ""
        if code == tables.CUSTOM:
            text_ends = content.find(_END, at)
            text, at = content[at:text_ends], text_ends + 1
        closed = content.find(")", at)
        if closed < 0 or not at:
            return
        gone = packet.service == Service.LOGOFF or content[at:closed].endswith(",0,0,0")
        at = closed + 1
        if name and gone:
            yield Presence(account=name, status="offline")
        elif name:
            yield _presence(name, code, text, packet.service)


def _hears(state: State, packet: Packet) -> Iterator[Output]:
    if packet.kind == _KEPT:
        _, _, to, sender, _, text = packet.parts(6, ",")
        yield from said(sender, to, text.rstrip(_END), "offline")
    elif packet.kind == _STATUS:
        name, _, code = packet.content.partition("(")
        yield _presence(name, _number(code.split(")", 1)[0]), "", packet.service)
    else:
        sender, _, text = packet.parts(3, ",")
        yield from said(sender, _self(state, packet), text)


def _contact(state: State, packet: Packet) -> Iterator[Output]:
    if packet.kind != _ADDED:
        yield from _friends(state, packet)
        return
    who, _, text = packet.parts(3, ",")
    if who:
        yield Message(
            sender=who,
            recipient=_self(state, packet),
            text=text,
            kind="authorization",
            size=len(text),
        )


def _invited(state: State, packet: Packet) -> Iterator[Output]:
    room, host, guests, text, _ = packet.parts(5)
    yield from _invitation(host, room, (_self(state, packet), *_names(guests)), text)


def _one_more(state: State, packet: Packet) -> Iterator[Output]:
    if packet.kind == _ONE:
        room, host, _, _, text, _ = packet.parts(6)
        yield from _invitation(host, room, (_self(state, packet),), text)
    else:
        room, host, guest = packet.parts(3)
        yield from _invitation(host, room, _names(guest), "")


def _came_or_went(_state: State, packet: Packet) -> Iterator[Output]:
    room, who = packet.parts(2)
    names = _names(who.split(_NEXT, 1)[0])
    if names and packet.service == Service.CONFLOGON:
        yield Room(room=room, action="join", account=names[0], others=names[1:])
    elif names:
        yield Room(room=room, action="leave", account=names[0])


def _declined(_state: State, packet: Packet) -> Iterator[Output]:
    room, who, _ = packet.parts(3)
    yield Room(room=room, action="decline", account=who)


def _heard(_state: State, packet: Packet) -> Iterator[Output]:
    room, who, text = packet.parts(3)
    if packet.kind != tables.FAILED:
        yield from said(who, "", text, room=room)


def _file(state: State, packet: Packet) -> Iterator[Output]:
    sender, _, page, _, text = packet.parts(5, ",")
    host, _, target = split_url(page)
    name = target.split("?", 1)[0].rpartition("/")[2]
    if sender and page:
        yield Offer(
            use=Capability.FILE_TRANSFER,
            sender=sender,
            recipient=_self(state, packet),
            id=target,
            name=name,
            detail=host,
        )
    yield from said(sender, _self(state, packet), text)


# -- both --------------------------------------------------------------------------------------


def _self(state: State, packet: Packet) -> str:
    """Return the name that this account goes by."""
    return packet.in_use or state.account


def _names(listed: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, listed.split(",")[:_MOST_FRIENDS])))


def _number(text: str) -> int:
    return number(text.strip().encode("utf-8", "replace"))


def _presence(account: str, code: int, text: str, service: int) -> Presence:
    if code == tables.CUSTOM:
        status = "online" if service == Service.ISBACK else "away"
    else:
        status = tables.STATUS.get(code, f"status-{code}")
    return Presence(account=account, status=status, text=plain(text))


def _invitation(host: str, room: str, guests: tuple[str, ...], text: str) -> Iterator[Output]:
    yield Room(room=room, action="invite", account=host, others=guests)
    yield from said(host, "", text, "invitation", room)


Teller = Callable[[State, Packet], Iterator[Output]]
FROM_CLIENT: dict[int, Teller] = {
    Service.LOGON: _sign_on,
    Service.LOGOFF: _sign_off,
    Service.ISAWAY: _own_status,
    Service.ISBACK: _own_status,
    Service.MESSAGE: _writes,
    Service.CONFINVITE: _invites,
    Service.CONFLOGON: _comes_or_goes,
    Service.CONFDECLINE: _declines,
    Service.CONFLOGOFF: _comes_or_goes,
    Service.CONFADDINVITE: _invites_one,
    Service.CONFMSG: _says,
}
FROM_SERVER: dict[int, Teller] = {
    Service.LOGON: _logged_on,
    Service.LOGOFF: _logged_off,
    Service.ISAWAY: _friends,
    Service.ISBACK: _friends,
    Service.MESSAGE: _hears,
    Service.USERSTAT: _friends,
    Service.NEWCONTACT: _contact,
    Service.CONFINVITE: _invited,
    Service.CONFLOGON: _came_or_went,
    Service.CONFDECLINE: _declined,
    Service.CONFLOGOFF: _came_or_went,
    Service.CONFADDINVITE: _one_more,
    Service.CONFMSG: _heard,
    Service.CHATLOGON: _friends,
    Service.CHATLOGOFF: _friends,
    Service.CHATMSG: _hears,
    Service.GAMELOGON: _friends,
    Service.GAMELOGOFF: _friends,
    Service.FILETRANSFER: _file,
}
