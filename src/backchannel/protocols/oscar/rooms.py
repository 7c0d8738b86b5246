"""Chat rooms: SNAC families 0x0d (directory) and 0x0e (the rooms themselves).

A room is known by a cookie, such as `!aol://2719:10-4-knitting`, that ends in its name.
Sources: libpurple family_chat.c, family_chatnav.c; iserverd snac_0d_*, snac_0e_*; open-oscar-server
foodgroup/chat.go (whispers); joscar snaccmd/chat/ChatMsg (sealed rooms).
"""

from typing import Literal
from urllib.parse import unquote

from backchannel.events import Message, Room
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.oscar import charsets, wire
from backchannel.protocols.oscar.markup import readable
from backchannel.protocols.oscar.state import State
from backchannel.protocols.oscar.wire import Snac
from backchannel.reader import Reader
from backchannel.text import decode

NAME, LONG_NAME = 0xD3, 0x6A
PUBLIC, WHISPER, SENDER, MESSAGE, AUTO = 1, 2, 3, 5, 7
TEXT, CHARSET, KIND = 1, 2, 4
"""Of what is said: text, character set, MIME type."""
SEALED = b"application/pkcs7-mime"
"""Kind of what is said in a room whose members share a key."""
CREATE = b"create"
USERS = 500
"""Most members of a room named in one message."""
JOINED = 0x03


def room_name(cookie: bytes) -> str:
    """Return a room's name from its cookie; the whole cookie where it has another form."""
    text = decode(cookie)
    if text.startswith("!aol://"):
        return unquote(text.split("-", 2)[-1])
    return text


def _read_room(reader: Reader) -> tuple[bytes, str]:
    """Read exchange, cookie, instance, detail level and TLVs; return (cookie, name)."""
    reader.skip(2)
    cookie = reader.take(reader.u8())
    reader.skip(2)
    values = dict[int, bytes]()
    if reader:
        reader.skip(1)
        values = wire.counted_tlvs(reader)
    name = values.get(NAME) or values.get(LONG_NAME) or b""
    return cookie, decode(name) if name else room_name(cookie)


def create(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """0d/08: make a room, or find the one of that name."""
    _, name = _read_room(reader)
    out.append(Room(room=name, action="create", account=state.account))


def directory(state: State, reader: Reader, _snac: Snac, _out: list[Output]) -> None:
    """0d/09: rooms by cookie and name."""
    if value := wire.tlvs(reader).get(4):
        cookie, name = _read_room(Reader(value))
        remember(state.rooms, cookie, name, 64)


def update(state: State, reader: Reader, _snac: Snac, _out: list[Output]) -> None:
    """0e/02: which room this connection is for."""
    cookie, name = _read_room(reader)
    state.room = name
    remember(state.rooms, cookie, name, 64)


def members(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """0e/03: who is there, or comes; 0e/04: who goes."""
    for _ in range(USERS):
        if not reader:
            return
        name = wire.user_info(reader).name
        action: Literal["join", "leave"] = "join" if snac.subtype == JOINED else "leave"
        out.append(Room(room=state.room, action=action, account=name))


def said(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """0e/05: the client's user says something."""
    remember(state.sent, reader.take(8), None, 32)
    reader.skip(2)
    out.append(_message(state, state.account, wire.tlvs(reader)))


def heard(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """0e/06: somebody says something; what the room reflects to its sender is left out."""
    cookie = reader.take(8)
    reader.skip(2)
    values = wire.tlvs(reader)
    sender = wire.name8(Reader(values[SENDER])) if SENDER in values else ""
    reflected = cookie in state.sent and state.is_self(sender)
    if not reflected:
        out.append(_message(state, sender, values))


def _message(state: State, sender: str, values: dict[int, bytes]) -> Message:
    inner = wire.tlvs(Reader(values.get(MESSAGE, b"")))
    whispered = WHISPER in values and PUBLIC not in values
    kind = "whisper" if whispered else "auto-response" if AUTO in values else "text"
    text = markup = ""
    if inner.get(KIND) == SEALED:
        kind = "encrypted"
    else:
        sent = charsets.by_name(inner.get(TEXT, b""), inner.get(CHARSET, b""))
        text, markup = readable(sent, escaped=True)
    return Message(
        sender=sender,
        recipient=decode(values[WHISPER]) if whispered else "",
        room=state.room,
        text=text,
        kind=kind,
        markup=markup,
        size=len(text),
    )


SNACS = {
    (0x0D, 0x08): create,
    (0x0D, 0x09): directory,
    (0x0E, 0x02): update,
    (0x0E, JOINED): members,
    (0x0E, 0x04): members,
    (0x0E, 0x05): said,
    (0x0E, 0x06): heard,
}
