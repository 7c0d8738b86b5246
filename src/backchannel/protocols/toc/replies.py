"""What TOC's server says: one small function a message, and the table of them.

Each takes as many fields as its message has; the last one may hold colons.
"""

from collections.abc import Callable, Iterator
from ipaddress import ip_address

from backchannel.events import Presence, Room, SignOnAnswer, Typing, Warned
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.oscar import rendezvous
from backchannel.protocols.oscar.events import RequestFailed
from backchannel.protocols.oscar.letter import Letter
from backchannel.protocols.oscar.state import State
from backchannel.protocols.toc.commands import base64, guid, message, room
from backchannel.protocols.toc.config import contacts

Fields = list[str]
SIGN_ON_ERRORS = {
    "980": "wrong name or password",
    "981": "service temporarily unavailable",
    "982": "warned too often",
    "983": "connecting too often",
    "989": "unknown error",
}
ERRORS = {
    "901": "recipient is not available",
    "902": "cannot be warned",
    "903": "message dropped: sent too fast",
    "911": "bad input",
    "912": "invalid account",
    "914": "service unavailable",
    "950": "chat is unavailable",
    "960": "sent too fast",
    "961": "missed: too large",
    "962": "missed: sent too fast",
}


def signed_on(state: State, _fields: Fields) -> Iterator[Output]:
    """SIGN_ON: let in."""
    yield SignOnAnswer(account=state.account, accepted=True)


def nick(state: State, fields: Fields) -> Iterator[Output]:
    """NICK: how the account's name is written."""
    yield from state.learn(fields[0])


def failed(state: State, fields: Fields) -> Iterator[Output]:
    """ERROR: a number, and whom or what it is about."""
    number, about = fields
    if number in SIGN_ON_ERRORS:
        reason = SIGN_ON_ERRORS[number]
        yield SignOnAnswer(account=state.account, accepted=False, reason=reason)
    else:
        code = int(number[:4]) if number.isascii() and number.isdigit() else 0
        reason = ERRORS.get(number, f"error {code}")
        yield RequestFailed(service="toc", code=code, reason=reason, about=about)


def config(state: State, fields: Fields) -> Iterator[Output]:
    """CONFIG, CONFIG2: the contact list."""
    yield from contacts(state.account, fields[0])


def im(state: State, fields: Fields) -> Iterator[Output]:
    """IM_IN and its kin: sender, T for an automatic answer, ..., text."""
    kind = "auto-response" if fields[1] == "T" else "text"
    yield message(fields[0], state.account, fields[-1], kind=kind)


def buddy(_state: State, fields: Fields) -> Iterator[Output]:
    """UPDATE_BUDDY: name, T for there, warning, since when, minutes idle, class."""
    name, there, _, _, idle, user_class = fields
    seconds = int(idle[:6]) * 60 if idle.isascii() and idle.isdigit() else 0
    status = "idle" if seconds else "online"
    if user_class[2:3] == "U":
        status = "away"
    yield Presence(
        account=name,
        status=status if there == "T" else "offline",
        idle=seconds if there == "T" else 0,
    )


def warned(state: State, fields: Fields) -> Iterator[Output]:
    """EVILED: the new level, and who complained."""
    level = int(fields[0][:4]) if fields[0].isascii() and fields[0].isdigit() else 0
    yield Warned(account=state.account, level=level, by=fields[1])


def typing(state: State, fields: Fields) -> Iterator[Output]:
    """CLIENT_EVENT2: who, and 2 for typing."""
    yield Typing(sender=fields[0], recipient=state.account, active=fields[1] == "2")


def chat_joined(state: State, fields: Fields) -> Iterator[Output]:
    """CHAT_JOIN: number and name of the room."""
    remember(state.rooms, fields[0].encode(), fields[1], 64)
    yield Room(room=fields[1], action="join", account=state.account)


def chat_in(state: State, fields: Fields) -> Iterator[Output]:
    """CHAT_IN, CHAT_IN_ENC: room, sender, T for a whisper, ..., text."""
    if not state.is_self(fields[1]):
        kind = "whisper" if fields[2] == "T" else "text"
        yield message(fields[1], "", fields[-1], kind=kind, room=room(state, fields[0]))


def chat_people(state: State, fields: Fields) -> Iterator[Output]:
    """CHAT_UPDATE_BUDDY: room, T for inside, names."""
    place = room(state, fields[0])
    for name in fields[2].split(":")[:500]:
        yield Room(room=place, action="join" if fields[1] == "T" else "leave", account=name)


def chat_invited(state: State, fields: Fields) -> Iterator[Output]:
    """CHAT_INVITE: name and number of the room, who invites, text."""
    remember(state.rooms, fields[1].encode(), fields[0], 64)
    yield Room(room=fields[0], action="invite", account=fields[2], others=(state.account,))
    if fields[3]:
        yield message(fields[2], state.account, fields[3], kind="invitation", room=fields[0])


def chat_left(state: State, fields: Fields) -> Iterator[Output]:
    """CHAT_LEFT: room."""
    yield Room(room=room(state, fields[0]), action="leave", account=state.account)


def proposed(state: State, fields: Fields) -> Iterator[Output]:
    """RVOUS_PROPOSE: the proposal that OSCAR carries, written as text."""
    sender, capability, cookie, number, use, own, verified, port, more = fields
    letter = Letter(base64(cookie)[:8].ljust(8, b"\0"), sender, state.account, Side.SERVER)
    inner = [(rendezvous.USE, use), (rendezvous.OWN, own), (rendezvous.VERIFIED, verified)]
    values = b"".join(_tlv(tag, _packed(text)) for tag, text in inner)
    values += _tlv(rendezvous.PORT, _number(port)) + _tlv(rendezvous.NUMBER, _number(number))
    rest = more.split(":")
    for tag, value in zip(rest[::2], rest[1::2], strict=False):
        values += _tlv(int.from_bytes(_number(tag)), base64(value)[:0x8000])
    body = b"\0\0" + letter.cookie + guid(capability)[:16].ljust(16, b"\0") + values
    out = list[Output]()
    try:
        rendezvous.proposal(state, letter, {5: body}, out)
    finally:  # what came before an error is kept
        yield from out


def _tlv(tag: int, value: bytes) -> bytes:
    return tag.to_bytes(2) + len(value).to_bytes(2) + value if value else b""


def _packed(text: str) -> bytes:
    try:
        return ip_address(text).packed
    except ValueError:
        return b""


def _number(text: str) -> bytes:
    return (int(text[:6]) & 0xFFFF if text.isascii() and text.isdigit() else 0).to_bytes(2)


REPLIES: dict[str, tuple[Callable[[State, Fields], Iterator[Output]], int]] = {
    "SIGN_ON": (signed_on, 1),
    "NICK": (nick, 1),
    "ERROR": (failed, 2),
    "CONFIG": (config, 1),
    "CONFIG2": (config, 1),
    "IM_IN": (im, 3),
    "IM_IN2": (im, 4),
    "IM_IN_ENC2": (im, 9),
    "UPDATE_BUDDY": (buddy, 6),
    "UPDATE_BUDDY2": (buddy, 6),
    "EVILED": (warned, 2),
    "CLIENT_EVENT2": (typing, 2),
    "CHAT_JOIN": (chat_joined, 2),
    "CHAT_IN": (chat_in, 4),
    "CHAT_IN_ENC": (chat_in, 6),
    "CHAT_UPDATE_BUDDY": (chat_people, 3),
    "CHAT_INVITE": (chat_invited, 4),
    "CHAT_LEFT": (chat_left, 1),
    "RVOUS_PROPOSE": (proposed, 9),
}
"""Message -> (function, number of fields)."""
