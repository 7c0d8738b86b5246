"""What one MSNP connection remembers: whose it is, who takes part, and what was asked. Bounded."""

from collections.abc import Callable
from typing import Literal

import msgspec

from backchannel.events import Event
from backchannel.model import Side
from backchannel.protocols import Output, Start
from backchannel.protocols.bounded import remember
from backchannel.protocols.msn_p2p.link import Link
from backchannel.protocols.msnp.names import account, circle, nickname
from backchannel.protocols.msnp.wire import Command

PENDING = 64
PEOPLE = 1024
PEERS = 256
GROUPS = 512
TEXT = 400
"""Characters of a nickname or personal message that are remembered, to tell only changes."""


Role = Literal["", "ns", "sb"]


class Ticket(msgspec.Struct, frozen=True):
    """Context of an announced connection: who was sent there."""

    account: str


class State:
    """One connection. Handlers read and change it; it decides nothing by itself."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.account = start.context.account if isinstance(start.context, Ticket) else ""
        self.role: Role = ""
        self.version = 0
        self.challenge = ""
        self.client = ("", "")
        self.room = ""
        """Session id of a switchboard."""
        self.peers: dict[str, str] = {}
        """Who takes part in a switchboard, without its own user: account -> nickname."""
        self.groups: dict[str, str] = {}
        self.contacts: dict[str, str] = {}
        """Contacts of MSNP10 to 12 by GUID: what later changes call them by."""
        self.link = Link()
        self.peering = False
        """Peer-to-peer packets came; in a flow joined midway, of sessions that began unseen."""
        self.said: dict[tuple[str, str], str] = {}
        self._pending: dict[str, tuple[str, str]] = {}

    def ask(self, trid: str, what: str, about: str = "") -> None:
        """Remember what a transaction of the client's is about."""
        remember(self._pending, trid[:12], (what, about), PENDING)

    def answer(self, trid: str) -> tuple[str, str]:
        """Return and forget what a transaction was about."""
        return self._pending.pop(trid[:12], ("", ""))

    def meet(self, who: str, nick: str = "") -> bool:
        """Somebody takes part; returns whether that is new."""
        if not who or who == self.account:
            return False
        new = who not in self.peers
        remember(self.peers, who, nick[:TEXT], PEERS)
        return new

    def name_group(self, key: str, name: str) -> None:
        """Remember a group of the contact list."""
        remember(self.groups, key[:40], nickname(name)[:TEXT], GROUPS)

    def name_contact(self, guid: str, who: str) -> None:
        """Remember whose GUID that is."""
        if guid and who:
            remember(self.contacts, guid[:40].lower(), who, PEOPLE)

    def changed(self, about: str, who: str, text: str) -> bool:
        """Note what somebody says of themselves; returns whether it is new and not empty."""
        text = text[:TEXT]
        known = self.said.get((about, who))
        if known == text:
            return False
        remember(self.said, (about, who), text, PEOPLE)
        return bool(text) or known is not None

    def others(self, but: str) -> tuple[str, str]:
        """Return recipient and room of what *but* says on a switchboard."""
        if but and but != self.account:
            recipients = [self.account] if self.account else []
            crowd = len(self.peers) > 1
        else:
            recipients = list(self.peers)
            crowd = len(recipients) > 1
        return (recipients[0] if recipients and not crowd else ""), (self.room if crowd else "")


class Parties(msgspec.Struct, frozen=True):
    """Who says something to whom."""

    sender: str
    recipient: str
    room: str = ""


def parties(state: State, side: Side, sender: str) -> Parties:
    """Return who takes part in a message of *side*; *sender* is the word that names its sender."""
    who = state.account if side is Side.CLIENT else account(sender)
    if side is Side.SERVER and state.role != "ns" and "@" in who:
        state.meet(who)  # who was there before a flow was joined in its middle
    recipient, room = state.others(who)
    return Parties(who, recipient, circle(sender) or room)


Handler = Callable[[State, Side, Command], list[Output]]


def nothing(state: State, side: Side, command: Command) -> list[Output]:  # noqa: ARG001 - a Handler
    """Known, and nothing to tell."""
    return []


def only(*events: Event | None) -> list[Output]:
    """Return the events that are there."""
    return [event for event in events if event is not None]
