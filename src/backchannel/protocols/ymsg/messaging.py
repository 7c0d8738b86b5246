"""What people say: messages, typing, buzzes, conferences and chat rooms.

A message is 4 or 1 sender | 5 recipient | 14 text | 15 time | 97 = 1 UTF-8 | 63 IMVironment. From a
server several may share a packet; then a repeated key begins the next one.
"""

from collections.abc import Iterator

from backchannel.events import Message, Offer, OfferAnswer, Presence, Room, Typing
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.ymsg import tables
from backchannel.protocols.ymsg.markup import plain
from backchannel.protocols.ymsg.state import Body, State, number, records
from backchannel.protocols.ymsg.tables import Service

_VOICE = 0x100
"""Bit of key 13 in a conference invitation: with voice (libyahoo2 notes, Escargot)."""


def from_client(body: Body) -> bool:
    """Say whether a user's own program speaks (between peers, both sides are)."""
    return body.side is Side.CLIENT


# -- between two -------------------------------------------------------------------------------


def message(state: State, body: Body) -> Iterator[Output]:
    """MESSAGE, CHATMSG, GAMEMSG, MASSMESSAGE, SYSMESSAGE: text from one to another."""
    if 14 not in body and 10 in body and not from_client(body):
        yield from _their_status(body)
    if body.packet.status == 2 or 14 not in body:  # not delivered, or a bare acknowledgement
        return
    if from_client(body):
        for recipient in body.all(5) or ("",):
            yield from _message(state, body, body.account(1, 0, 4), recipient)
        return
    for fields in records(body.fields):
        one = Body(body.side, body.packet, fields)
        if 14 in one:
            yield from _message(state, one, one.account(4, 1), one.text(5) or state.account)


def _their_status(body: Body) -> Iterator[Output]:
    """Whom one writes to is away: 5 who | 10 code, 02, since when | 19 text."""
    code = number(body.raw(10).split(b"\x02", 1)[0])
    status = "away" if code == tables.CUSTOM else tables.STATUS.get(code, f"status-{code}")
    if account := body.account(5):
        yield Presence(account=account, status=status, text=plain(body.text(19)))


def _message(state: State, body: Body, sender: str, recipient: str) -> Iterator[Output]:
    written = body.text(14)
    said, service = plain(written), body.packet.service
    kind = "text"
    if written.strip().lower() == "<ding>":
        kind, said = "nudge", ""
    elif service == Service.SYSMESSAGE:
        kind, sender = "system", ""
    elif body.packet.status == tables.OFFLINE_DELIVERY:
        kind = "offline"
    elif service == Service.GAMEMSG:
        kind = "game"
    if from_client(body):
        sender = sender or state.account
    yield Message(
        sender=sender,
        recipient=recipient,
        text=said,
        kind=kind,
        size=len(said),
        markup=written if said and said != written else "",
    )
    if "doodle" in body.text(63):
        yield environment(body, sender, recipient)


def environment(body: Body, sender: str, recipient: str) -> Offer:
    """An IMVironment: a theme, game or drawing board shared in the message window."""
    name = body.text(63).split(";", 1)[0]
    use = Capability.WHITEBOARD if "doodle" in name else Capability.MESSAGE
    return Offer(use=use, sender=sender, recipient=recipient, name=name, detail="imvironment")


def audible(state: State, body: Body) -> Iterator[Output]:
    """AUDIBLE: a spoken animation; its text is told."""
    said = body.text(231, 230)
    yield Message(
        sender=body.account(4, 1),
        recipient=body.account(5) or state.account,
        text=said,
        kind="audible",
        size=len(said),
    )


def sms(state: State, body: Body) -> Iterator[Output]:
    """SMS_MESSAGE: text to or from a mobile telephone, whose number is the account."""
    said = plain(body.text(14))
    if not said:
        return
    if from_client(body):
        sender, recipient = body.account(1), f"+{body.text(5)}"
    else:
        sender, recipient = f"+{body.text(4)}", body.account(5) or state.account
    yield Message(sender=sender, recipient=recipient, text=said, kind="sms", size=len(said))


def mail(state: State, body: Body) -> Iterator[Output]:
    """NEWMAIL: the subject of an electronic letter that arrived at Yahoo."""
    sender, subject = body.text(42, 43), body.text(18)
    if sender and subject:
        yield Message(
            sender=sender, recipient=state.account, text=subject, kind="mail", size=len(subject)
        )


def notify(state: State, body: Body) -> Iterator[Output]:
    """NOTIFY: typing, a game, a webcam invitation or its answer."""
    what = body.text(49).upper()
    sender, recipient = body.account(4, 1), body.account(5) or state.account
    if from_client(body):
        sender = body.account(1, 4) or state.account
    if what.startswith("TYPING"):
        yield Typing(sender=sender, recipient=recipient, active=body.number(13) == 1)
    elif what.startswith("GAME") and body.number(13):
        name = body.text(14).strip().replace("\t", " ")[:128]
        yield Offer(use=Capability.GAME, sender=sender, recipient=recipient, name=name)
    elif what.startswith("WEBCAMINVITE"):
        use, answer = Capability.VOICE_VIDEO, body.text(14).strip()
        if not answer:
            yield Offer(use=use, sender=sender, recipient=recipient, detail="webcam")
        else:
            accepted = body.number(14) > 0
            yield OfferAnswer(use=use, sender=sender, recipient=recipient, accepted=accepted)


def game(state: State, body: Body) -> Iterator[Output]:
    """GAME_INVITE: somebody proposes to play."""
    yield Offer(
        use=Capability.GAME,
        sender=body.account(4, 1),
        recipient=body.account(5) or state.account,
        name=body.text(180, 14)[:128],
    )


def voice(state: State, body: Body) -> Iterator[Output]:
    """VOICECHAT: invitation to speak in a room; 13 begins with 3 to decline (libyahoo2)."""
    client = from_client(body)
    sender = body.account(1) if client else body.account(4)
    recipient, room = body.account(5) or state.account, body.text(57)
    if not sender:
        return
    use = Capability.VOICE_VIDEO
    if body.text(13).startswith("3"):
        yield OfferAnswer(use=use, sender=sender, recipient=recipient, id=room, accepted=False)
    else:
        yield Offer(use=use, sender=sender, recipient=recipient, id=room, detail="voice")


# -- conferences -------------------------------------------------------------------------------


def conference(state: State, body: Body) -> Iterator[Output]:
    """CONFINVITE ... CONFMSG: a conference of contacts. Its room is key 57."""
    room = body.text(57)
    if not room or body.packet.status in {2, tables.FAILED}:
        return
    client, service = from_client(body), body.packet.service
    me = body.account(1) or state.account
    if service in {Service.CONFINVITE, Service.CONFADDINVITE}:
        yield from _invite(body, room, me)
    elif service == Service.CONFLOGON:
        yield Room(room=room, action="join", account=me if client else body.account(53))
    elif service == Service.CONFLOGOFF:
        yield Room(room=room, action="leave", account=me if client else body.account(56))
    elif service == Service.CONFDECLINE:
        who = me if client else body.account(54)
        yield Room(room=room, action="decline", account=who)
        yield from _said(room, who, body.text(14), "text")
    else:
        yield from _said(room, me if client else body.account(3), body.text(14), "text")


def _invite(body: Body, room: str, me: str) -> Iterator[Output]:
    client, service = from_client(body), body.packet.service
    host = body.account(50) or (me if client else "")
    if service == Service.CONFADDINVITE:
        names = tuple(name for names in body.all(51) for name in names.split(",") if name)
        others = names or (() if client else (me,))
    else:
        others = body.all(52, 51)
        others = others if client else tuple(dict.fromkeys((me, *others, *body.all(53))))
    others = tuple(name for name in others if name and name != host)
    first = client and service == Service.CONFINVITE
    yield Room(room=room, action="create" if first else "invite", account=host, others=others)
    if body.number(13) & _VOICE:
        recipient = others[0] if len(others) == 1 else ""
        use = Capability.VOICE_VIDEO
        yield Offer(use=use, sender=host, recipient=recipient, id=room, detail="voice conference")
    yield from _said(room, host, body.text(58), "invitation")


def _said(room: str, sender: str, said: str, kind: str) -> Iterator[Output]:
    if said := plain(said):
        yield Message(sender=sender, recipient="", room=room, text=said, kind=kind, size=len(said))


# -- public chat rooms -------------------------------------------------------------------------


def chat(state: State, body: Body) -> Iterator[Output]:
    """CHATJOIN ... COMMENT: public rooms. The room is key 104, members are 109."""
    service, client = body.packet.service, from_client(body)
    room = body.text(104) or (state.room if service != Service.CHATJOIN else "")
    me = body.account(1, 109) or state.account
    if not room or body.packet.status == tables.FAILED:
        return
    if service == Service.CHATJOIN:
        yield from _joined(state, body, room, me)
    elif service in {Service.CHATEXIT, Service.CHATLEAVE, Service.CHATLOGOUT}:
        who = me if client else body.account(109, 1)
        if who.lower() == state.account.lower():
            state.room = ""
        yield Room(room=room, action="leave", account=who)
    elif service in {Service.CHATADDINVITE, Service.CHATINVITE}:
        inviter = me if client else body.account(119)
        others = body.all(118) or (state.account,)
        yield Room(room=room, action="invite", account=inviter, others=others)
        yield from _said(room, inviter, body.text(117), "invitation")
    elif service == Service.COMMENT:
        kind = "emote" if body.number(124) in {2, 3} else "text"
        yield from _said(room, me if client else body.account(109), body.text(117), kind)


def _joined(state: State, body: Body, room: str, me: str) -> Iterator[Output]:
    if from_client(body):
        state.room = room[:256]
        yield Room(room=room, action="join", account=me)
        return
    members = body.all(109)
    others = tuple(name for name in members if name.lower() != state.account.lower())
    if len(members) == 1 and others:
        yield Room(room=room, action="join", account=members[0])
    elif others:
        yield Room(room=room, action="join", account=state.account, others=others)
