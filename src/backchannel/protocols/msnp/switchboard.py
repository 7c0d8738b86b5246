"""Conversations: who is called, who comes, who leaves, and what MSG carries.

CAL n account | n RINGING session     JOI account nickname ...    IRO n i total account ...
BYE account [1: timed out]            MSG n U|N|A|D length | account nickname length
"""

from backchannel.events import Malformed, Room
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.msnp import endpoints, invitations, messages, mime, notices
from backchannel.protocols.msnp.names import account, nickname
from backchannel.protocols.msnp.presence import renamed
from backchannel.protocols.msnp.state import Parties, State, parties
from backchannel.protocols.msnp.wire import Command

CONTENT: dict[str, messages.Teller] = {
    "text/plain": messages.plain,
    "text/x-msmsgscontrol": messages.typing,
    "text/x-msnmsgr-datacast": messages.datacast,
    "text/x-mms-emoticon": messages.emoticons,
    "text/x-mms-animemoticon": messages.emoticons,
    "text/x-clientcaps": messages.capabilities,
    "image/gif": messages.ink,
    "application/x-ms-ink": messages.ink,
    "application/x-msnmsgrp2p": messages.peer,
}
FROM_SERVICE: dict[str, messages.Teller] = {
    "text/x-msmsgsprofile": notices.profile,
    "text/x-msmsgsemailnotification": notices.mail,
    "text/x-msmsgsinitialmdatanotification": notices.unread,
    "text/x-msmsgsoimnotification": notices.unread,
    "application/x-msmsgssystemmessage": notices.system,
}


class Conversation:
    """The messages of one flow: chunks and invitations need memory beside `State`."""

    def __init__(self) -> None:
        self._chunks = mime.Chunks()
        self._invitations = invitations.Invitations()

    def message(self, state: State, side: Side, command: Command) -> list[Output]:
        """`MSG`."""
        if command.payload is None:
            return []
        whom = parties(state, side, command.word(0))
        if side is Side.SERVER and command.word(0) == notices.SERVICE:
            whom = Parties(notices.SERVICE, state.account)
        elif side is Side.SERVER:
            state.meet(whom.sender, nickname(command.word(1)))
        return self.content(state, whom, mime.read(command.payload))

    def unified(self, state: State, side: Side, command: Command) -> list[Output]:
        """`UUM` and `UBM`."""
        found = endpoints.unified(state, side, command)
        return self.content(state, *found) if found else []

    def content(self, state: State, whom: Parties, part: mime.Message) -> list[Output]:
        """Say what a MIME message means, once it is whole."""
        message = self._chunks.add(whom.sender, part)
        if message is None:
            return []
        content = message.content
        if content == "text/x-msmsgsinvite":
            return self._invitations.take(whom, message)
        table = FROM_SERVICE if whom.sender == notices.SERVICE else CONTENT
        if (teller := table.get(content)) is not None:
            return teller(state, whom, message)
        if not content and not message.headers:
            return [Malformed(reason="MSG without MIME headers")]
        return []


def call(state: State, side: Side, command: Command) -> list[Output]:
    """`CAL`: somebody is called; a second one makes it a conversation of several."""
    if side is Side.SERVER:
        if command.word(1) == "RINGING":
            state.room = command.word(2)[:64]
        return []
    state.role = "sb"
    who = account(command.word(1))
    if not state.meet(who) or len(state.peers) < 2:
        return []
    return [Room(room=state.room, action="invite", account=state.account, others=(who,))]


def join(state: State, side: Side, command: Command) -> list[Output]:
    """`JOI account nickname` and `IRO n i total account nickname`."""
    at = 3 if command.name == "IRO" else 0
    who, nick = account(command.word(at)), command.word(at + 1)
    if side is Side.CLIENT or not who:
        return []
    state.role = "sb"
    new = state.meet(who, nickname(nick))
    told = renamed(state, who, nick)
    crowd = len(state.peers) > 1 and (new or command.name == "JOI")
    if crowd and state.changed("present", who, "in"):
        told.append(Room(room=state.room, action="join", account=who))
    return told


def leave(state: State, side: Side, command: Command) -> list[Output]:
    """`BYE account`. One of several places of one account may go while others stay."""
    who = account(command.word(0))
    if side is Side.CLIENT or not who:
        return []
    state.role = "sb"
    crowd = len(state.peers) > 1
    if state.peers.pop(who, None) is None or not crowd:
        return []
    state.changed("present", who, "")
    return [Room(room=state.room, action="leave", account=who)]
