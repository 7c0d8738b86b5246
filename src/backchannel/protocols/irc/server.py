"""What servers pass on and say: one small function a message, and the table of them."""

import re
from collections.abc import Callable, Iterator
from typing import Literal

from backchannel.events import LoginOffer, Presence, Profile, Room, SignOff, SignOnAnswer, Software
from backchannel.model import Side
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.irc import messages
from backchannel.protocols.irc.sasl import authenticate
from backchannel.protocols.irc.state import BATCHES, NAME, State
from backchannel.protocols.irc.wire import Line, plain

WORDS = 64
"""Capabilities of one line, and mechanisms, that are read."""
ROOMS = 32
"""Channels of one line that are told."""
HISTORIES = frozenset({"chathistory", "draft/chathistory", "znc.in/playback"})
"""Types of batches that hold what was said before."""
BOUNCER = "znc.in"
"""Host of the modules by which the bouncer ZNC speaks to its user."""
_QUIT = later(r"\(Quit:.*", re.IGNORECASE)
Tell = Callable[[State, Line], Iterator[Output]]


def _rooms(state: State, names: str) -> list[str]:
    found = [state.channel(name) for name in names.split(",")[:ROOMS]]
    return [channel for channel in found if channel]


def join(state: State, line: Line) -> Iterator[Output]:
    """JOIN channels, perhaps with account and full name behind."""
    account = line.nick[:NAME]
    for channel in _rooms(state, line.word(0)):
        yield Room(room=channel, action="join", account=account)
    yield from state.address_of(account, line.host, "join")


def part(state: State, line: Line) -> Iterator[Output]:
    """PART channels :why."""
    for channel in _rooms(state, line.word(0)):
        yield Room(room=channel, action="leave", account=line.nick[:NAME])


def kick(state: State, line: Line) -> Iterator[Output]:
    """KICK channel name :why. Who did it is among the others."""
    if channel := state.channel(line.word(0)):
        by = (line.nick[:NAME],)
        yield Room(room=channel, action="leave", account=line.word(1)[:NAME], others=by)


def invite(state: State, line: Line) -> Iterator[Output]:
    """INVITE name channel."""
    if channel := state.channel(line.word(1)):
        others = (line.word(0)[:NAME],)
        yield Room(room=channel, action="invite", account=line.nick[:NAME], others=others)


def quitting(state: State, line: Line) -> Iterator[Output]:
    """QUIT :why, of anybody in a channel that our client is in."""
    account = line.nick[:NAME]
    if not state.mine(account):
        state.present(account, "offline")
        yield Presence(account=account, status="offline", text=plain(line.word(0)))
    elif not state.gone:
        state.gone = True
        yield SignOff(account=account, reason="quit")


def nick(state: State, line: Line) -> Iterator[Output]:
    """NICK name: somebody is called otherwise from now on."""
    before, now = line.nick[:NAME], line.word(0)[:NAME]
    if not before or not now or line.server:
        return
    if state.mine(before):
        state.nick = now
    yield Profile(account=before, nickname=now)


def away(state: State, line: Line) -> Iterator[Output]:
    """AWAY :why, of others (IRCv3 away-notify)."""
    if state.mine(line.nick):
        return
    text = plain(line.word(0))
    status = "away" if text else "online"
    state.present(line.nick, status)
    yield Presence(account=line.nick[:NAME], status=status, text=text)


def chghost(state: State, line: Line) -> Iterator[Output]:
    """CHGHOST user host: somebody's host changed."""
    yield from state.address_of(line.nick, line.word(1), "chghost")


def topic(_state: State, line: Line) -> Iterator[Output]:
    """TOPIC channel :text."""
    yield from messages.topic(line.nick[:NAME], line.word(0), line.word(1))


def error(state: State, line: Line) -> Iterator[Output]:
    """ERROR :why. The connection ends, or was never taken. What a QUIT said is the user's own."""
    reason = _QUIT.sub("(Quit)", line.word(0)[:256])
    if state.gone:
        return
    state.gone = True
    if state.welcomed or not state.nick:
        yield SignOff(account=state.nick, reason=reason)
    else:
        yield from state.signed_on()
        yield SignOnAnswer(account=state.nick, accepted=False, reason=reason)


def capabilities(state: State, line: Line) -> Iterator[Output]:
    """CAP name LS :words, or LS * where a line more follows. Of them SASL's mechanisms and STARTTLS
    say how one logs in (IRCv3 `sasl`, `tls`).
    """
    if line.word(1).upper() != "LS" or state.welcomed:
        return
    for word in line.last.split(" ")[:WORDS]:
        name, _, value = word.partition("=")
        if name in ("sasl", "tls"):
            state.abilities[name] = value
    if len(line.words) > 3 and line.word(2) == "*":
        return
    told, state.abilities = state.abilities, {}
    sasl = [each[:NAME] for each in told.get("sasl", "").upper().split(",") if each][:WORDS]
    if "sasl" in told and not sasl:  # before version 302 of the negotiation
        sasl = ["SASL"]
    realm = line.source[:NAME] if line.server else ""
    tls: Literal["", "offered"] = "offered" if "tls" in told else ""
    offer = LoginOffer(methods=tuple(sasl), realm=realm, tls=tls)
    if (sasl or realm or tls) and offer != state.offered:
        state.offered = offer
        yield offer


def batch(state: State, line: Line) -> Iterator[Output]:
    """BATCH +reference type, and -reference behind its last line. One may be inside another."""
    mark, reference = line.word(0)[:1], line.word(0)[1:NAME]
    if mark == "-":
        state.past.pop(reference, None)
    elif mark == "+" and (line.word(1).lower() in HISTORIES or is_past(state, line)):
        state.past[reference] = None
        if len(state.past) > BATCHES:
            state.past.popitem(last=False)
    yield from ()


def is_past(state: State, line: Line) -> bool:
    """Say whether a line repeats what was said before."""
    return bool(state.past) and line.tag("batch")[: NAME - 1] in state.past


def said(state: State, line: Line) -> Iterator[Output]:
    """PRIVMSG and NOTICE."""
    if line.host == BOUNCER and not state.bouncer:
        state.bouncer = True
        yield Software(name="ZNC", role="server")
    yield from messages.privmsg(state, Side.SERVER, line)
    if not line.server and not state.mine(line.nick):
        yield from state.address_of(line.nick, line.host, "message")


MESSAGES: dict[str, Tell] = {
    "PRIVMSG": said,
    "NOTICE": said,
    "JOIN": join,
    "PART": part,
    "KICK": kick,
    "INVITE": invite,
    "QUIT": quitting,
    "NICK": nick,
    "AWAY": away,
    "CHGHOST": chghost,
    "TOPIC": topic,
    "BATCH": batch,
    "TAGMSG": lambda state, line: messages.typing(state, Side.SERVER, line),
    "ERROR": error,
    "CAP": capabilities,
    "AUTHENTICATE": lambda state, line: authenticate(state, Side.SERVER, line),
}
PAST: dict[str, Tell] = {"PRIVMSG": messages.past, "NOTICE": messages.past, "BATCH": batch}
"""What is read of a history: who came, and what was offered, was so then."""
SILENT = frozenset(
    (
        *("PING", "PONG", "MODE", "ACCOUNT", "SETNAME", "ACK", "FAIL"),
        *("WARN", "NOTE", "WALLOPS", "GLOBOPS", "KILL", "SILENCE", "MARKREAD", "REDACT", "RENAME"),
        "SERVER",
    )
)
"""Messages that are known and tell nothing here."""
