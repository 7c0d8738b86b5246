"""What clients and a hub say to each other, told: a table by message."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address

from backchannel.effects import Expect
from backchannel.events import (
    Credential,
    PeerAddress,
    Presence,
    Profile,
    Room,
    Search,
    SearchHit,
    SharedFile,
    SignOff,
    SignOn,
    SignOnAnswer,
    Software,
)
from backchannel.events import Message as Said
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.adc.state import State
from backchannel.protocols.adc.wire import Message

SEARCHED = 60
"""Seconds for which answers to a search are waited for."""
_FATAL = "2"
"""The first digit of a status that ends a connection."""
Tell = Callable[[State, Message, bool], Iterator[Output]]


def _session(state: State, message: Message, own: bool) -> Iterator[Output]:
    if not own and message.words:
        state.sid = message.words[0]
    yield from ()


def _info(state: State, message: Message, own: bool) -> Iterator[Output]:
    if message.way == "I":
        yield from _hub(state, message)
        return
    sid, nick = message.sender, message.get("NI")
    address = _address(message.get("I4")) or _address(message.get("I6"))
    fresh = state.learn(sid, nick, address, message.get("ID")[:64])
    if own:
        yield from _own_info(state, message, fresh)
        return
    if sid == state.sid:
        if not state.welcomed:
            state.welcomed = True
            yield SignOnAnswer(account=state.nick, accepted=True)
            yield Room(room=state.hub or "hub", action="join", account=state.nick)
        return
    if fresh:
        yield Presence(account=state.who(sid), status="online", text=message.get("DE"))
    yield from _place(state, sid, message.get("U4"))


def _own_info(state: State, message: Message, fresh: bool) -> Iterator[Output]:
    state.sid, state.nick = message.sender, state.who(message.sender)
    if not fresh:
        return
    program, _, version = (message.get("AP") or message.get("VE")).rpartition(" ")
    version = message.get("VE") if message.get("AP") else version
    program = message.get("AP") or program
    yield SignOn(account=state.nick, method="client-id", client=program, version=version)
    if program:
        yield Software(name=program, version=version, account=state.nick)
    about = " ".join(part for part in (message.get("DE"), message.get("EM")) if part)
    if about:
        yield Profile(account=state.nick, text=about)


def _hub(state: State, message: Message) -> Iterator[Output]:
    state.hub = message.get("NI") or state.hub
    if program := message.get("AP") or message.get("VE"):
        yield Software(name=program, role="server")


def _place(state: State, sid: str, port: str) -> Iterator[Output]:
    account, address = state.who(sid), state.address(sid)
    if address and state.place(account, address, _port(port)):
        yield PeerAddress(
            use=Capability.PRESENCE,
            account=account,
            address=address,
            port=_port(port),
            transport="udp",
            how="member-info",
        )


def _asks_password(state: State, message: Message, own: bool) -> Iterator[Output]:
    if not own and message.words:
        state.salt = message.words[0][:256]
    yield from ()


def _password(state: State, message: Message, own: bool) -> Iterator[Output]:
    if own and message.words and state.salt:
        yield Credential(
            account=state.nick,
            kind="hash",
            scheme="adc-tiger",
            secret=message.words[0],
            salt=state.salt,
        )


def _status(state: State, message: Message, own: bool) -> Iterator[Output]:
    code = message.words[0] if message.words else ""
    if not own and code.startswith(_FATAL) and not state.welcomed:
        reason = " ".join(message.words[1:2]) or code
        yield SignOnAnswer(account=state.nick, accepted=False, reason=reason[:256])


def _quit(state: State, message: Message, own: bool) -> Iterator[Output]:
    sid = message.words[0] if message.words else ""
    if own or not sid:
        return
    if sid == state.sid:
        yield SignOff(account=state.nick, reason=message.get("RD") or message.get("MS"))
    elif sid in state.members:
        yield Presence(account=state.who(sid), status="offline")
        del state.members[sid]


def _said(state: State, message: Message, own: bool) -> Iterator[Output]:
    if not message.words or (not own and message.sender == state.sid):
        return  # a hub repeats what its users say to themselves too
    text = message.words[0]
    if message.way in "BF":
        yield Said(
            sender=state.who(message.sender),
            recipient="",
            room=state.hub or "hub",
            text=text,
            size=len(text),
        )
    elif message.way in "DE":
        sender, recipient = state.who(message.sender), state.who(message.target)
        yield Said(sender=sender, recipient=recipient, text=text, size=len(text))


def _search(state: State, message: Message, own: bool) -> Iterator[Output]:
    if not own and message.sender == state.sid:
        return
    tree = message.get("TR")
    text = f"TTH:{tree}" if tree else " ".join(message.all("AN"))
    limits = [f"at least {size} bytes" for size in message.all("GE")]
    limits += [f"at most {size} bytes" for size in message.all("LE")]
    without = [f"not {word}" for word in message.all("NO")]
    kinds = [f".{kind}" for kind in message.all("EX")]
    detail = ", ".join((*limits, *without, *kinds))
    account = state.who(message.sender)
    yield Search(text=text, id=message.get("TO"), account=account, detail=detail)
    if own and (address := state.address(message.sender)):
        yield Expect(
            protocol="adc",
            purpose=Capability.SEARCH,
            address=address,
            transport="udp",
            accounts=(account,),
            lifetime=SEARCHED,
            repeat=True,
        )


def result(state: State, message: Message) -> Iterator[Output]:
    """Tell of an answer to a search."""
    name, size, tree = message.get("FN"), message.get("SI"), message.get("TR")
    if not name:
        return
    number = int(size) if size.isdecimal() and len(size) < 19 else 0
    file = SharedFile(name=name, size=number, hash=f"TTH:{tree}" if tree else "")
    slots = message.get("SL")
    yield SearchHit(
        owner=state.who(message.sender),
        id=message.get("TO"),
        files=(file,),
        detail=f"slots {slots}" if slots else "",
    )


def _result(state: State, message: Message, own: bool) -> Iterator[Output]:
    if own or message.sender != state.sid:
        yield from result(state, message)


def _connect(state: State, message: Message, own: bool) -> Iterator[Output]:
    """Tell where a client listens for another: its address stands in what it said of itself."""
    if len(message.words) < 3:
        return
    proto, port = message.words[:2]
    account, address = state.who(message.sender), state.address(message.sender)
    if own and not address:
        address = state.start.client.address
    if not address or not _port(port):
        return
    if state.place(account, address, _port(port)):
        yield PeerAddress(
            use=Capability.FILE_SHARING,
            account=account,
            address=address,
            port=_port(port),
            how="connect-to-me",
        )
    if proto.startswith("ADC/"):
        yield Expect(
            protocol="adc",
            purpose=Capability.FILE_SHARING,
            address=address,
            port=_port(port),
            accounts=(state.who(message.target), account),
            context=state.names(message.sender, message.target),
        )


def _address(text: str) -> str:
    try:
        found = ip_address(text)
    except ValueError:
        return ""
    return "" if found.is_unspecified else str(found)


def _port(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 and int(text) < 65536 else 0


MESSAGES: dict[str, Tell] = {
    "SID": _session,
    "INF": _info,
    "GPA": _asks_password,
    "PAS": _password,
    "STA": _status,
    "QUI": _quit,
    "MSG": _said,
    "SCH": _search,
    "RES": _result,
    "CTM": _connect,
}
SILENT = frozenset({"SUP", "RCM", "NAT", "RNT", "CMD", "PSR", "ZON", "ZOF", "PMI", "TCP", "PFR"})
"""Messages that are known and tell nothing."""
