"""What the packets of YCHT mean: one small function each, two tables at the bottom."""

from collections.abc import Callable, Iterator

import msgspec

from backchannel.events import Presence, Room, SignOff, SignOn, SignOnAnswer
from backchannel.protocols import Output
from backchannel.protocols.ymsg import cookies
from backchannel.protocols.ymsg.said import said

CLIENT = "Yahoo! Chat"
_REFUSED = "*** Danger Will Robinson!!!"
_FULL = "That room is full."
_SAID = {0x41: "text", 0x42: "thought", 0x43: "emote"}
_MOST_MEMBERS = 512


class Packet(msgspec.Struct, frozen=True):
    """One packet with its fields as text."""

    kind: int
    fields: tuple[str, ...]

    def field(self, at: int) -> str:
        """Return a field, empty where it is not there."""
        return self.fields[at] if at < len(self.fields) else ""


class State(msgspec.Struct):
    """Whose connection it is, and the room that was entered last."""

    account: str = ""
    room: str = ""


# -- what a client says ------------------------------------------------------------------------


def _sign_on(state: State, packet: Packet) -> Iterator[Output]:
    state.account = packet.field(0)
    yield SignOn(account=state.account, method="cookie", client=CLIENT)
    yield from cookies.outputs(state.account, cookies.parse(packet.field(1)))


def _sign_off(state: State, _packet: Packet) -> Iterator[Output]:
    yield SignOff(account=state.account)


def _asks_in(state: State, packet: Packet) -> Iterator[Output]:
    state.room = packet.field(0)[:256]
    yield Room(room=state.room, action="join", account=state.account)


def _leaves(state: State, packet: Packet) -> Iterator[Output]:
    yield Room(room=packet.field(0) or state.room, action="leave", account=state.account)


def _says(state: State, packet: Packet) -> Iterator[Output]:
    room, kind = packet.field(0) or state.room, _SAID[packet.kind]
    yield from said(state.account, "", packet.field(1), kind, room)


def _says_to_one(state: State, packet: Packet) -> Iterator[Output]:
    yield from said(packet.field(0) or state.account, packet.field(1), packet.field(2))


def _commands(state: State, packet: Packet) -> Iterator[Output]:
    verb, _, rest = packet.field(0).partition(" ")
    who, _, text = rest.partition(" ")
    if verb == "join":
        state.room = rest[:256]
        yield Room(room=state.room, action="join", account=state.account)
    elif verb == "invite":
        yield Room(room=state.room, action="invite", account=state.account, others=(who,))
    elif verb == "tell":
        yield from said(state.account, who, text)


# -- what a server says ------------------------------------------------------------------------


def _let_in(state: State, packet: Packet) -> Iterator[Output]:
    refused = packet.field(0) == _REFUSED
    reason = " ".join(filter(None, packet.fields[1:]))[:128] if refused else ""
    yield SignOnAnswer(account=state.account, accepted=not refused, reason=reason)


def _thrown_out(state: State, packet: Packet) -> Iterator[Output]:
    yield SignOff(account=state.account, reason=packet.field(0)[:128] or "closed by the service")


def _came(state: State, packet: Packet) -> Iterator[Output]:
    room = packet.field(0)
    if room == _REFUSED or room.startswith(_FULL):
        return
    entries = packet.field(4).split("\x01")[:_MOST_MEMBERS]
    names = dict.fromkeys(filter(None, (entry.split("\x02")[0] for entry in entries)))
    others = tuple(name for name in names if name.lower() != state.account.lower())
    if len(names) == len(others) == 1:
        yield Room(room=room, action="join", account=others[0])
    elif others:
        yield Room(room=room, action="join", account=state.account, others=others)


def _went(_state: State, packet: Packet) -> Iterator[Output]:
    if who := packet.field(1):
        yield Room(room=packet.field(0), action="leave", account=who)


def _invited(state: State, packet: Packet) -> Iterator[Output]:
    text, room, who = (packet.field(at) for at in range(3))
    if room and who:
        yield Room(room=room, action="invite", account=who, others=(state.account,))
        yield from said(who, "", text, "invitation", room)


def _heard(_state: State, packet: Packet) -> Iterator[Output]:
    room, who, text = (packet.field(at) for at in range(3))
    yield from said(who, "", text, _SAID[packet.kind], room)


def _heard_from_one(state: State, packet: Packet) -> Iterator[Output]:
    yield from said(packet.field(0), packet.field(1) or state.account, packet.field(2))


def _friends(_state: State, packet: Packet) -> Iterator[Output]:
    fields = packet.fields
    for state, who, _ in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
        if state in {"0", "1"} and who:
            yield Presence(account=who, status="online" if state == "1" else "offline")


Teller = Callable[[State, Packet], Iterator[Output]]
FROM_CLIENT: dict[int, Teller] = {
    0x01: _sign_on,
    0x02: _sign_off,
    0x11: _asks_in,
    0x12: _leaves,
    0x41: _says,
    0x42: _says,
    0x43: _says,
    0x45: _says_to_one,
    0x71: _commands,
}
FROM_SERVER: dict[int, Teller] = {
    0x01: _let_in,
    0x02: _thrown_out,
    0x11: _came,
    0x12: _went,
    0x17: _invited,
    0x41: _heard,
    0x42: _heard,
    0x43: _heard,
    0x45: _heard_from_one,
    0x65: _thrown_out,
    0x68: _friends,
}
