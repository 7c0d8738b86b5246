"""What clients say: one small function a command, and the table of them."""

from collections.abc import Callable, Iterator

from msgspec import structs

from backchannel.events import (
    Contact,
    Contacts,
    Credential,
    PeerAddress,
    Presence,
    Room,
    SignOff,
)
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.irc.messages import privmsg, typing
from backchannel.protocols.irc.sasl import authenticate
from backchannel.protocols.irc.services import ALIASES, credential
from backchannel.protocols.irc.state import NAME, SECRET, State, literal
from backchannel.protocols.irc.wire import Line, plain

CONTACTS = 256
"""Names of one list that are told."""
Act = Callable[[State, Line], Iterator[Output]]


def password(state: State, line: Line) -> Iterator[Output]:
    """PASS secret: whose it is comes later."""
    yield from state.server_password()
    state.password = line.word(0)[:SECRET]


def nick(state: State, line: Line) -> Iterator[Output]:
    """NICK name. Once welcomed, the server says whether it may be changed."""
    if not state.welcomed:
        state.nick = line.word(0)[:NAME] or state.nick
        yield from _signing_on(state)


def user(state: State, line: Line) -> Iterator[Output]:
    """USER name mode unused :what the person is called."""
    state.user = line.word(0)[:NAME] or state.user
    yield from _signing_on(state)


def _signing_on(state: State) -> Iterator[Output]:
    if state.nick and state.user and not state.welcomed:
        state.signed = False  # under another name, perhaps
        yield from state.sign_on()


def oper(state: State, line: Line) -> Iterator[Output]:
    """OPER name password: rights of an operator of the server."""
    state.oper = line.word(0)[:NAME]
    if secret := line.word(1)[:SECRET]:
        yield Credential(account=state.oper, kind="plain", scheme="irc-oper", secret=secret)


def register(state: State, line: Line) -> Iterator[Output]:
    """REGISTER account mail password (IRCv3 account-registration); `*` is the name in use."""
    if secret := line.word(2)[:SECRET]:
        account = state.nick if line.word(0) == "*" else line.word(0)[:NAME]
        yield Credential(account=account, kind="plain", scheme="irc-register", secret=secret)


def vhost(_state: State, line: Line) -> Iterator[Output]:
    """VHOST name password: for another host's name (UnrealIRCd, InspIRCd)."""
    if secret := line.word(1)[:SECRET]:
        yield Credential(
            account=line.word(0)[:NAME], kind="plain", scheme="irc-vhost", secret=secret
        )


def webirc(_state: State, line: Line) -> Iterator[Output]:
    """WEBIRC password gateway host address: a web gateway says for whom it connects."""
    gateway = line.word(1)[:NAME]
    yield Credential(
        account=gateway, kind="plain", scheme="irc-webirc", secret=line.word(0)[:SECRET]
    )
    if address := literal(line.word(3)):
        yield PeerAddress(use=Capability.LOGIN, account=gateway, address=address, how="webirc")


def through(state: State, line: Line) -> Iterator[Output]:
    """CPRIVMSG or CNOTICE name channel :text, which servers pass on without the C."""
    words = (line.word(0), line.last)
    if len(line.words) > len(words):
        plain_line = structs.replace(line, command=line.command[1:], words=words)
        yield from privmsg(state, Side.CLIENT, plain_line)


def away(state: State, line: Line) -> Iterator[Output]:
    """AWAY :why; without a text the client is back."""
    text = plain(line.word(0))
    yield Presence(account=state.nick, status="away" if text else "online", text=text)


def quitting(state: State, _line: Line) -> Iterator[Output]:
    """QUIT :why. The words are the user's own, and no reason for the record."""
    if not state.gone:
        state.gone = True
        yield SignOff(account=state.nick, reason="quit")


def invite(state: State, line: Line) -> Iterator[Output]:
    """INVITE name channel."""
    if channel := state.channel(line.word(1)):
        others = (line.word(0)[:NAME],)
        yield Room(room=channel, action="invite", account=state.nick, others=others)


def monitor(state: State, line: Line) -> Iterator[Output]:
    """MONITOR + or - names: whose coming and going is to be told."""
    change = line.word(0)[:1]
    if change in ("+", "-"):
        yield from _contacts(state, line.word(1).split(","), "add" if change == "+" else "remove")


def watch(state: State, line: Line) -> Iterator[Output]:
    """WATCH +name -name: the same, older."""
    words = [word for each in line.words for word in each.split()]
    for sign, change in (("+", "add"), ("-", "remove")):
        yield from _contacts(state, [w[1:] for w in words if w[0] == sign], change)


def ison(state: State, line: Line) -> Iterator[Output]:
    """ISON names: asked again and again; told when others are asked for."""
    names = [name for each in line.words for name in each.split()][:CONTACTS]
    if names and state.watched != frozenset(names):
        state.watched = frozenset(names)
        yield from _contacts(state, names, "list")


def _contacts(state: State, names: list[str], change: str) -> Iterator[Output]:
    entries = tuple(Contact(account=name[:NAME]) for name in names[:CONTACTS] if name)
    if entries:
        yield Contacts(owner=state.nick, change=change, entries=entries)  # type: ignore[arg-type]


def to_service(state: State, line: Line) -> Iterator[Output]:
    """NICKSERV and its kin: text for a service, as words."""
    yield from credential(state, ALIASES[line.command], " ".join(line.words))


COMMANDS: dict[str, Act] = {
    "PASS": password,
    "NICK": nick,
    "USER": user,
    "OPER": oper,
    "REGISTER": register,
    "VHOST": vhost,
    "WEBIRC": webirc,
    "PRIVMSG": lambda state, line: privmsg(state, Side.CLIENT, line),
    "NOTICE": lambda state, line: privmsg(state, Side.CLIENT, line),
    "CPRIVMSG": through,
    "CNOTICE": through,
    "TAGMSG": lambda state, line: typing(state, Side.CLIENT, line),
    "AUTHENTICATE": lambda state, line: authenticate(state, Side.CLIENT, line),
    "AWAY": away,
    "QUIT": quitting,
    "INVITE": invite,
    "MONITOR": monitor,
    "WATCH": watch,
    "ISON": ison,
    **dict.fromkeys(ALIASES, to_service),
}
SILENT = frozenset(
    (
        *("JOIN", "PART", "MODE", "TOPIC", "KICK", "NAMES", "LIST", "WHO", "WHOIS", "WHOWAS"),
        *("PING", "PONG", "CAP", "USERHOST", "USERIP", "STARTTLS", "LUSERS", "MOTD", "VERSION"),
        *("STATS", "TIME", "INFO", "ADMIN", "LINKS", "MAP", "KNOCK", "SETNAME", "BATCH"),
        *("CHATHISTORY", "MARKREAD", "VERIFY", "SILENCE", "ACCEPT", "PROTOCTL"),
        *(
            "KILL",
            "REHASH",
            "WALLOPS",
            "HELP",
            "RULES",
            "ZNC",
            "HELPOP",
            "USERS",
            "TRACE",
            "SERVER",
        ),
    )
)
"""Commands that tell nothing by themselves, or that the server answers: told then."""
