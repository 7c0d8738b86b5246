"""What a client and a hub say to each other, told: a table of commands for each side."""

from collections.abc import Callable, Iterator

from backchannel.effects import Expect
from backchannel.events import (
    Credential,
    Message,
    PeerAddress,
    Presence,
    Profile,
    Room,
    Search,
    SearchHit,
    SignOff,
    SignOn,
    SignOnAnswer,
    Software,
)
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.nmdc import wire
from backchannel.protocols.nmdc.state import State

SEARCHED = 60
"""Seconds for which answers to a search are waited for."""
Tell = Callable[[State, str], Iterator[Output]]


def said(state: State, text: str, own: bool) -> Iterator[Output]:
    """Tell of a line of the hub's chat; a hub repeats what its users say to themselves too."""
    found = wire.chat(text)
    if found is None or (not own and found[0] == state.nick):
        return
    nick, words = found
    room = state.hub or "hub"
    yield Message(sender=nick, recipient="", room=room, text=words, size=len(words))


def _private(state: State, rest: str, own: bool) -> Iterator[Output]:
    to, _, rest = rest.partition(" From: ")
    sender, _, text = rest.partition(" $")
    found = wire.chat(text)
    if found is None or not to or (not own and sender == state.nick):
        return
    yield Message(sender=sender, recipient=to, text=found[1], size=len(found[1]))


def _validate(state: State, rest: str) -> Iterator[Output]:
    state.nick = rest
    yield SignOn(account=rest, method="nick")


def _password(state: State, rest: str) -> Iterator[Output]:
    state.password = True
    yield Credential(account=state.nick, kind="plain", scheme="nmdc-password", secret=rest)


def _own_info(state: State, rest: str) -> Iterator[Output]:
    info = wire.info(rest)
    if info is None or not state.new(info.nick):
        return
    state.nick = state.nick or info.nick
    if info.program:
        yield Software(name=info.program, version=info.version, account=info.nick)
    about = " ".join(part for part in (info.about, info.mail) if part)
    if about:
        yield Profile(account=info.nick, text=about)


def _info(state: State, rest: str) -> Iterator[Output]:
    info = wire.info(rest)
    if info is not None and info.nick != state.nick and state.new(info.nick):
        yield Presence(account=info.nick, status="online", text=info.about)


def _quit(state: State, rest: str) -> Iterator[Output]:
    if rest in state.members:
        state.members.discard(rest)
        yield Presence(account=rest, status="offline")


def _hello(state: State, rest: str) -> Iterator[Output]:
    if rest == state.nick and not state.welcomed:
        state.welcomed = True
        yield SignOnAnswer(account=rest, accepted=True)
        yield Room(room=state.hub or "hub", action="join", account=rest)


def _refused(reason: str) -> Tell:
    def tell(state: State, rest: str) -> Iterator[Output]:
        yield SignOnAnswer(account=state.nick or rest, accepted=False, reason=reason)

    return tell


def _moved(state: State, rest: str) -> Iterator[Output]:
    yield SignOff(account=state.nick, reason=f"sent on to {rest[:256]}")


def _lock(state: State, rest: str) -> Iterator[Output]:  # noqa: ARG001 - the table's shape
    yield from software(rest, "server")


def software(rest: str, role: str, account: str = "") -> Iterator[Output]:
    """Tell the program behind `Pk=` in a $Lock."""
    name = rest.partition(" Pk=")[2].partition(",")[0].partition(" ")[0]
    if name and role == "server":
        yield Software(name=name, role="server")
    elif name:
        program, _, version = name.partition("-")
        yield Software(name=program, version=version, role="peer", account=account)


def _hub_name(state: State, rest: str) -> Iterator[Output]:
    state.hub = rest
    yield from ()


def _search(state: State, rest: str, own: bool) -> Iterator[Output]:
    query = wire.search(rest)
    if query is None or (not own and query.nick and query.nick == state.nick):
        return
    account = query.nick or (state.nick if own else "")
    yield Search(text=query.text, account=account, detail=query.detail)
    if query.address and state.place(account, query.address, query.port):
        yield _address(account, query.address, query.port, "search", "udp")
        yield Expect(
            protocol="nmdc",
            purpose=Capability.SEARCH,
            address=query.address,
            port=query.port,
            transport="udp",
            accounts=(account,) if account else (),
            lifetime=SEARCHED,
            repeat=True,
        )


def _address(account: str, address: str, port: int, how: str, transport: str) -> PeerAddress:
    return PeerAddress(
        use=Capability.SEARCH if how == "search" else Capability.FILE_SHARING,
        account=account,
        address=address,
        port=port,
        transport="udp" if transport == "udp" else "tcp",
        how=how,
    )


def result(rest: str) -> Iterator[Output]:
    """Tell of an answer to a search."""
    found = wire.result(rest)
    if found is not None:
        yield SearchHit(owner=found.nick, files=(found.file,), detail=found.detail)


def _connect(state: State, rest: str, own: bool) -> Iterator[Output]:
    words = rest.split(" ")
    place = wire.endpoint(words[-1])
    if place is None or len(words) < 2:
        return
    account = state.nick if own else ""
    address, port, tls = place
    if state.place(account, address, port):
        yield _address(account, address, port, "connect-to-me", "tcp")
    if not tls:
        yield Expect(
            protocol="nmdc",
            purpose=Capability.FILE_SHARING,
            address=address,
            port=port,
            accounts=tuple(name for name in (words[0], account) if name),
        )


def _user_ip(state: State, rest: str) -> Iterator[Output]:
    for pair in rest.split("$$")[:256]:
        nick, _, text = pair.partition(" ")
        if (address := wire.address(text)) and state.place(nick, address, 0):
            yield PeerAddress(use=Capability.PRESENCE, account=nick, address=address, how="user-ip")


def _with(tell: Callable[[State, str, bool], Iterator[Output]], own: bool) -> Tell:
    return lambda state, rest: tell(state, rest, own)


CLIENT: dict[str, Tell] = {
    "$ValidateNick": _validate,
    "$MyPass": _password,
    "$MyINFO": _own_info,
    "$To:": _with(_private, True),
    "$Search": _with(_search, True),
    "$SR": lambda _, rest: result(rest.rpartition("\x05")[0]),
    "$ConnectToMe": _with(_connect, True),
}
SERVER: dict[str, Tell] = {
    "$Lock": _lock,
    "$HubName": _hub_name,
    "$Hello": _hello,
    "$BadPass": _refused("bad password"),
    "$ValidateDenide": _refused("nick in use"),
    "$HubIsFull": _refused("hub is full"),
    "$ForceMove": _moved,
    "$MyINFO": _info,
    "$Quit": _quit,
    "$To:": _with(_private, False),
    "$Search": _with(_search, False),
    "$SR": lambda _, rest: result(rest),
    "$ConnectToMe": _with(_connect, False),
    "$UserIP": _user_ip,
}
SILENT = frozenset(
    (
        *("$Supports", "$Key", "$Version", "$GetNickList", "$GetINFO", "$RevConnectToMe"),
        *("$UserCommand", "$BotINFO", "$BotList", "$MCTo", "$Kick", "$OpForceMove", "$Close"),
        *("$GetPass", "$LogedIn", "$NickList", "$OpList", "$HubTopic", "$HubINFO", "$ZOn"),
        *("$MyHubURL", "$NickRule", "$SearchRule", "$FailOver", "$SA", "$SP", "$MyIP", "$IN"),
    )
)
"""Commands that are known and tell nothing."""
