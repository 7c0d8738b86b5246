"""MSNP21: datagrams instead of switchboards, and publications instead of presence commands.

    SDG n length / NFY PUT|DEL length / PUT n length / DEL n length, and then
    Routing: 1.0        To: 1:bob@example.com;epid={GUID}   From: ..   Service-Channel: IM/Online
    (empty line)
    Reliability: 1.0    ..
    (empty line)
    Messaging: 2.0      Message-Type: Text   Content-Type: ..   Content-Length: n
      or Publication: 1.0   Uri: /user   Content-Type: application/user+xml
    (empty line)
    body

Source: MSNPSharp `MultiMimeMessage.cs`, `NSMessageHandler.MSNP21.cs`, `SDGBridge.cs`; Escargot
`msnp_ns.py`; NINA wiki MSNP21.
"""

import re

from backchannel.events import Profile, Room, Typing
from backchannel.model import Side
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.msn_p2p import slp
from backchannel.protocols.msnp import messages, mime
from backchannel.protocols.msnp.names import account, circle, network
from backchannel.protocols.msnp.presence import STATES, arrived
from backchannel.protocols.msnp.state import Parties, State
from backchannel.protocols.msnp.wire import Command
from backchannel.text import decode, unescape

MAX_PACKETS = 64
_GROUPS = (9, 10)
_SECTION = later(rb"\r\n\r\n")
_STATUS = later(r"<Status>([A-Z]{3})</Status>")
_NICK = later(r"<FriendlyName>([^<]{0,1024})</FriendlyName>")
_PERSONAL = later(r"<PSM>([^<]{0,4096})</PSM>")
_MEMBER = later(r"<user>\s*<id>([^<]{1,400})</id>")
_LEAVES = later(r"/user\(([^)]{1,400})\)")


class Letter:
    """A payload of three sections and a body."""

    def __init__(self, payload: bytes) -> None:
        parts = _SECTION.split(payload, 3)
        heads = [mime.fields(decode(part)) for part in parts[:3]]
        while len(heads) < 3:
            heads.append({})
        self.routing, _, self.content = heads
        self.message = mime.Message(self.content, parts[3] if len(parts) > 3 else b"")
        self.sender, self.recipient = self.routing.get("from", ""), self.routing.get("to", "")

    def parties(self, state: State, side: Side) -> Parties:
        """Who writes to whom. In a circle or group it is the room."""
        sender = state.account if side is Side.CLIENT and state.account else account(self.sender)
        if network(self.recipient) in _GROUPS:
            return Parties(sender, "", account(self.recipient))
        room = circle(self.sender) or circle(self.recipient)
        return Parties(sender, "" if room else account(self.recipient), room)


def datagram(state: State, side: Side, command: Command) -> list[Output]:
    """`SDG`."""
    if not command.payload:
        return []
    letter = Letter(command.payload)
    kind = letter.content.get("message-type", "").lower()
    teller = _KINDS.get(kind)
    return teller(state, letter.parties(state, side), letter.message) if teller else []


def _text(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    return messages.plain(state, parties, message)


def _typing(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    del state, message
    return [Typing(sender=parties.sender, recipient=parties.recipient or parties.room)]


def _nudge(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    del state, message
    return [messages.said(parties, "", "nudge")]


def _wink(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    del state, message
    return [messages.said(parties, "", "wink")]


def _signal(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`Signal/P2P`: MSNSLP about a direct connection, without a P2P header."""
    body = message.body.lstrip()
    if not slp.starts(body):
        return []
    return state.link.message(parties.sender, body)


def _data(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`Data`: one P2P packet, or several whose offsets `Bridging-Offsets` lists."""
    body = message.body
    listed = message.get("bridging-offsets").split(",")[:MAX_PACKETS]
    offsets = [int(word) for word in listed if word.strip().isdigit() and len(word) < 8] or [0]
    told: list[Output] = []
    for start, end in zip(offsets, [*offsets[1:], len(body)], strict=True):
        if start < end <= len(body):
            told += state.link.packet(parties.sender, parties.recipient, body[start:end])
    return told


_KINDS = {
    "text": _text,
    "nudge": _nudge,
    "wink": _wink,
    "control/typing": _typing,
    "customemoticon": messages.emoticons,
    "signal/p2p": _signal,
    "data": _data,
}


def publication(state: State, side: Side, command: Command) -> list[Output]:
    """`NFY`, `PUT` and `DEL`: presence of a user, members of a circle or group."""
    if not command.payload:
        return []
    letter = Letter(command.payload)
    who = account(letter.sender)
    kind = letter.message.content
    xml = decode(letter.message.body)
    gone = "DEL" in (command.name, command.word(0))
    if kind == "application/user+xml":
        if side is Side.CLIENT:
            who = state.account or who
        return _presence(state, who, xml, gone=gone)
    if kind in ("application/circles+xml", "application/multiparty+xml"):
        return _members(state, side, letter, xml, gone=gone)
    return []


def _presence(state: State, who: str, xml: str, *, gone: bool) -> list[Output]:
    status = "FLN" if gone else _first(_STATUS, xml)
    told = arrived(state, who, status) if status in STATES else []
    nick = _first(_NICK, xml)
    if nick and nick.lower() != who and state.changed("nickname", who, nick):
        told.append(Profile(account=who, nickname=nick))
    text = _first(_PERSONAL, xml)
    if text and state.changed("personal", who, text):
        told.append(Profile(account=who, text=text))
    return told


def _members(state: State, side: Side, letter: Letter, xml: str, *, gone: bool) -> list[Output]:
    place = letter.recipient if side is Side.CLIENT else letter.sender
    room = account(place) if network(place) in _GROUPS else ""
    if gone:
        named = _LEAVES.search(letter.content.get("uri", ""))
        who = account(named[1]) if named else state.account
        return [Room(room=room, action="leave", account=who)]
    people = [account(found) for found in _MEMBER.findall(xml)[:64]]
    if side is Side.CLIENT and state.account in people:
        return [Room(room=room, action="join", account=state.account)]
    if side is Side.CLIENT and people:
        return [Room(room=room, action="invite", account=state.account, others=tuple(people))]
    fresh = [who for who in people if state.changed("member", f"{room} {who}", "in")]
    return [Room(room=room, action="join", account=who) for who in fresh]


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return unescape(found[1]).strip() if found else ""
