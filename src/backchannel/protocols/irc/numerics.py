"""Numeric replies of servers: one small function a number, and the table of them.

The first word is who is told: our client's name, or `*` before it has one. Numbers that are not
here, long lists above all (LIST, NAMES, the message of the day), tell nothing. Sources: RFC 2812,
modern.ircdocs.horse, and defs.ircdocs.horse for those of particular servers.
"""

from collections.abc import Callable, Iterator

from backchannel.events import Contact, Contacts, Presence, SignOnAnswer
from backchannel.protocols import Output
from backchannel.protocols.irc import messages
from backchannel.protocols.irc.events import ChatNetwork
from backchannel.protocols.irc.state import NAME, State
from backchannel.protocols.irc.wire import Line, plain

Tell = Callable[[State, Line], Iterator[Output]]


def welcome(state: State, line: Line) -> Iterator[Output]:
    """001: let in, under the name that is told."""
    named = line.word(0)[:NAME]
    if named not in ("", "*"):
        state.nick = named
    state.welcomed, state.gone = True, False
    yield from state.signed_on()
    yield SignOnAnswer(account=state.nick, accepted=True, reason=line.last[:256])


def version(_state: State, line: Line) -> Iterator[Output]:
    """004: the server's name and program, and the modes it knows."""
    if len(line.words) > 2:
        yield messages.software(line.word(2), role="server")


def supports(state: State, line: Line) -> Iterator[Output]:
    """005: what the server can do, among it the network's name."""
    for word in line.words[1:-1]:
        name, _, value = word.partition("=")
        if name == "CHANTYPES" and 0 < len(value) <= 8:
            state.channels = value
        elif name == "NETWORK" and value and not state.network:
            state.network = value[:NAME]
            yield ChatNetwork(name=state.network, server=line.source[:NAME])


def refused(state: State, line: Line) -> Iterator[Output]:
    """432, 433, 436, 437, 463 to 466: not with this name, not with this password, not at all."""
    if state.welcomed:
        return
    yield from state.signed_on()
    reason = f"{line.command} {line.last}"[:256]
    yield SignOnAnswer(account=state.nick, accepted=False, reason=reason)


def logged_in(_state: State, line: Line) -> Iterator[Output]:
    """900: our client has an account now: nick, nick!user@host, account, text."""
    account = line.word(2)[:NAME]
    if account:
        yield SignOnAnswer(account=account, accepted=True, reason=f"900 {line.last}"[:256])


def sasl_failed(state: State, line: Line) -> Iterator[Output]:
    """902, 904, 905: SASL did not let in."""
    account = state.sasl.account or state.nick
    yield SignOnAnswer(account=account, accepted=False, reason=f"{line.command} {line.last}"[:256])


def operator(state: State, line: Line) -> Iterator[Output]:
    """381 makes our client an operator; 464 after OPER, and 491, do not."""
    accepted = line.command == "381"
    account = state.oper or state.nick
    state.oper = ""
    yield SignOnAnswer(
        account=account, accepted=accepted, reason=f"{line.command} {line.last}"[:256]
    )


def password(state: State, line: Line) -> Iterator[Output]:
    """464: wrong password, of the server before the welcome, of OPER behind it."""
    yield from operator(state, line) if state.oper else refused(state, line)


def is_away(state: State, line: Line) -> Iterator[Output]:
    """301: somebody who was written to is away."""
    if state.present(line.word(1), "away"):
        yield Presence(account=line.word(1)[:NAME], status="away", text=plain(line.word(2)))


def whois(state: State, line: Line) -> Iterator[Output]:
    """311 and 314: nick, user, host, `*`, full name."""
    yield from state.address_of(line.word(1), line.word(3), "whois")


def who(state: State, line: Line) -> Iterator[Output]:
    """352: channel, user, host, server, nick."""
    yield from state.address_of(line.word(5), line.word(3), "who")


def real_host(state: State, line: Line) -> Iterator[Output]:
    """338 and 378: the address behind a name; the words differ between servers."""
    for word in " ".join(line.words[2:]).replace("@", " ").split():
        yield from state.address_of(line.word(1), word, "whois")


def userhost(state: State, line: Line) -> Iterator[Output]:
    """302: nick, perhaps `*`, `=`, `+` or `-`, user@host."""
    for word in line.last.split()[:16]:
        nick, _, rest = word.partition("=")
        yield from state.address_of(nick.rstrip("*"), rest.rpartition("@")[2], "userhost")


def present(state: State, line: Line) -> Iterator[Output]:
    """303: who of those asked for is there. Who is no longer is told too."""
    here = {name for name in line.last.split()[:256] if name}
    for name in sorted(state.watched):
        status = "online" if name in here else "offline"
        if state.present(name, status):
            yield Presence(account=name[:NAME], status=status)


def came(state: State, line: Line) -> Iterator[Output]:
    """730 and 731 (MONITOR): names, with hosts where they are there."""
    status = "online" if line.command == "730" else "offline"
    for word in line.last.split(",")[:256]:
        nick, _, host = word.partition("!")
        if nick and (state.present(nick, status) or status == "online"):
            yield Presence(account=nick[:NAME], status=status)
        yield from state.address_of(nick, host.rpartition("@")[2], "monitor")


def watched(state: State, line: Line) -> Iterator[Output]:
    """600, 601, 604, 605 (WATCH): nick, user, host, since when."""
    status = "online" if line.command in ("600", "604") else "offline"
    yield Presence(account=line.word(1)[:NAME], status=status)
    yield from state.address_of(line.word(1), line.word(3), "watch")


def monitored(state: State, line: Line) -> Iterator[Output]:
    """732: the list that the server keeps for our client."""
    entries = tuple(Contact(account=name[:NAME]) for name in line.last.split(",")[:256] if name)
    if entries:
        yield Contacts(owner=state.nick, entries=entries)


def topic(_state: State, line: Line) -> Iterator[Output]:
    """332: the topic of a channel that our client enters."""
    yield from messages.topic("", line.word(1), line.word(2))


def program(_state: State, line: Line) -> Iterator[Output]:
    """351: the server's program, asked for."""
    yield messages.software(line.word(1), role="server")


def tls(state: State, _line: Line) -> Iterator[Output]:
    """670: TLS begins behind this line."""
    state.tls = True
    yield from ()


NUMERICS: dict[str, Tell] = {
    "001": welcome,
    "004": version,
    "005": supports,
    **dict.fromkeys(("432", "433", "436", "437", "463", "465", "466", "468"), refused),
    "464": password,
    "381": operator,
    "491": operator,
    "900": logged_in,
    **dict.fromkeys(("902", "904", "905"), sasl_failed),
    "301": is_away,
    "302": userhost,
    "303": present,
    "311": whois,
    "314": whois,
    "332": topic,
    "338": real_host,
    "351": program,
    "352": who,
    "378": real_host,
    **dict.fromkeys(("600", "601", "604", "605"), watched),
    "670": tls,
    "730": came,
    "731": came,
    "732": monitored,
}
