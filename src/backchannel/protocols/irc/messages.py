"""PRIVMSG and NOTICE: to people, to channels, to services and bots; and CTCP inside them."""

from collections.abc import Iterator

from backchannel.events import Message, Software, Typing
from backchannel.model import Side
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.irc import xdcc
from backchannel.protocols.irc.dcc import dcc
from backchannel.protocols.irc.services import credential
from backchannel.protocols.irc.state import NAME, State
from backchannel.protocols.irc.wire import Line, plain

TARGETS = 16
"""Recipients of one message that are told."""
_TYPING = frozenset({"active", "paused", "done"})
_VERSION = later(r"(.{1,64}?)(?:[ /:-]+v?|(?<=[a-z]))(\d[\w.+~-]{0,32})(?:\b.*)?")
"""A program's name and version, such as `irssi v1.4.3`, `WeeChat 3.8 (...)` or `Unreal3.2`."""


def privmsg(state: State, side: Side, line: Line) -> Iterator[Output]:
    """PRIVMSG targets :text, from our client or from a server."""
    targets, text = line.word(0), line.last
    if len(line.words) < 2:
        return
    sender = state.nick if side is Side.CLIENT else line.nick
    known = side is Side.SERVER and state.again(line.tag("msgid"), text)
    if side is Side.CLIENT:
        state.note_sent(targets, text, line.tag("label"))
    elif line.server:
        return  # what servers say to who connects is no message
    elif state.mine(sender) and state.echoed(targets, text, line.tag("label")):
        return  # told when it was sent
    if known:
        return
    kind = "notice" if line.command == "NOTICE" else "text"
    for target in dict.fromkeys(targets.split(",")[:TARGETS]):
        state.writes(sender, target, active=False)
        yield from _said(state, sender[:NAME], target[:NAME], text, kind)


def past(state: State, line: Line) -> Iterator[Output]:
    """PRIVMSG or NOTICE out of a history; what was told when it was said is not told again."""
    text, target = line.last, line.word(0)[:NAME]
    if line.server or len(line.words) < 2 or state.again(line.tag("msgid"), text):
        return
    if text.startswith("\x01"):
        word, _, text = text.strip("\x01").partition(" ")
        if word.upper() == "DCC":
            yield from dcc(state, line.nick[:NAME], target, text)
        if word.upper() != "ACTION":
            return
    yield _message(line.nick[:NAME], target, text, "offline", room=state.channel(target))


def typing(state: State, side: Side, line: Line) -> Iterator[Output]:
    """TAGMSG target, with a tag that says whether somebody is writing (IRCv3 typing)."""
    told = line.tag("+typing") or line.tag("+draft/typing")
    sender = state.nick if side is Side.CLIENT else line.nick
    if told not in _TYPING or (side is Side.SERVER and state.mine(sender)):
        return
    for target in line.word(0).split(",")[:TARGETS]:
        active = told == "active"
        if target and state.writes(sender, target, active=active):
            yield Typing(sender=sender[:NAME], recipient=target[:NAME], active=active)


def topic(sender: str, channel: str, text: str) -> Iterator[Output]:
    """A channel's topic is a text that everybody in it reads."""
    if text:
        yield _message(sender, channel, text, "topic", room=channel[:NAME])


def _said(state: State, sender: str, target: str, text: str, kind: str) -> Iterator[Output]:
    if text.startswith("\x01"):
        yield from _ctcp(state, sender, target, text, kind)
        return
    if channel := state.channel(target):
        told = list(xdcc.listed(sender, plain(text))) if "#" in text else []
        yield from told or [_message(sender, "", text, kind, room=channel)]
        return
    told = list(credential(state, target, text)) if state.mine(sender) or not sender else []
    told = told or list(xdcc.asked(sender, text))
    if kind == "notice" and "#" in text:
        told = told or list(xdcc.listed(sender, plain(text)))
    yield from told or [_message(sender, target, text, kind)]


def _message(sender: str, recipient: str, text: str, kind: str, room: str = "") -> Message:
    shown = plain(text)
    return Message(
        sender=sender,
        recipient="" if room else recipient,
        text=shown,
        kind=kind,
        room=room,
        size=len(shown),
        markup=text if text != shown else "",
    )


# -- CTCP ------------------------------------------------------------------------------------------


def _ctcp(state: State, sender: str, target: str, text: str, kind: str) -> Iterator[Output]:
    """Words between two bytes 01; the second is often left out. In a NOTICE it is an answer."""
    word, _, rest = text.strip("\x01").partition(" ")
    word = word.upper()
    if word == "ACTION":
        channel = state.channel(target)
        yield _message(sender, target, rest, "action", room=channel)
    elif word == "DCC":
        yield from dcc(state, sender, target, rest)
    elif word == "VERSION" and kind == "notice" and rest:
        yield software(rest, account=sender)
    elif word == "XDCC":
        yield from xdcc.asked(sender, f"XDCC {rest}")


def software(text: str, account: str = "", role: str = "client") -> Software:
    """Return the program that a text names."""
    text = " ".join(plain(text).split())[:128]
    found = _VERSION.fullmatch(text)
    name, version = (found[1], found[2]) if found else (text, "")
    return Software(name=name, version=version, role=role, account=account)  # type: ignore[arg-type]
