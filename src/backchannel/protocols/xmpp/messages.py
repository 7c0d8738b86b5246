"""`message` stanzas: what people say, that they are writing, invitations to rooms.

| kind | of |
|---|---|
| `text` | chat, normal messages and rooms; a subject stands before the text |
| `headline`, `error`, `subject` | what their names say; an error's text is its condition |
| `offline` | delivered late, or out of an archive |
| `encrypted` | OTR, OMEMO, OpenPGP: without the text, which only says so |
| `url` | a text that is only the address of a file (XEP-0066) |
| `forwarded` | what its sender says that somebody wrote (XEP-0297): nobody vouches for it |
"""

import msgspec

from backchannel.events import Anomaly, Message, Offer, OfferAnswer, Room, Typing
from backchannel.model import Capability, Side
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.xmpp import names, pictures, pubsub
from backchannel.protocols.xmpp.elements import Element
from backchannel.protocols.xmpp.files import Files
from backchannel.protocols.xmpp.login import condition
from backchannel.protocols.xmpp.people import nickname
from backchannel.protocols.xmpp.state import Parties, State, parties

MAX_NESTED = 3
"""Messages inside messages: carbons and archives hold one."""
ARCHIVED = "result"
_OTR = later(r"\s*\?OTR[:?|,v]")
_ENCRYPTED = frozenset(
    (
        ("encrypted", "eu.siacs.conversations.axolotl"),
        ("encrypted", "urn:xmpp:omemo:0"),
        ("encrypted", "urn:xmpp:omemo:1"),
        ("encrypted", "urn:xmpp:omemo:2"),
        ("x", "jabber:x:encrypted"),
        ("openpgp", "urn:xmpp:openpgp:0"),
        ("e2e", "urn:ietf:params:xml:ns:xmpp-e2e"),
    )
)
_STATES = frozenset({"active", "composing", "paused", "inactive", "gone"})
_PROPOSALS = ("urn:xmpp:jingle-message:0", "urn:xmpp:jingle-message:1")


def message(
    state: State,
    files: Files,
    side: Side,
    stanza: Element,
    depth: int = 0,
    *,
    late: bool = False,
    by: Parties | None = None,
) -> list[Output]:
    """Say what a message means, and those inside it. *late*: it is out of an archive; *by*: who
    says so, where nobody vouches for what it says of its sender.
    """
    who = by or parties(state, side, stanza)
    told: list[Output] = []
    if name := stanza.get("id"):
        key = who.source, name, stanza.said("body")
        if late and state.heard(key):
            return told
        state.note(key)
    for wrapper, inner in _inside(stanza) if depth < MAX_NESTED else ():
        if forged := _forged(state, side, who, wrapper, inner):
            told.append(forged)
            continue
        archived, repeats = wrapper.name == ARCHIVED, by or wrapper.ns == names.FORWARD
        said = message(
            state, files, side, inner, depth + 1, late=archived, by=who if repeats else None
        )
        if repeats:
            told += _repeated(side, who, stanza, said)
        else:
            told += _past(said, "offline") if archived else said
    if nick := stanza.child("nick", names.NICK):
        told += nickname(state, who.sender, nick.text)
    if event := stanza.child("event", names.EVENT):
        told += pubsub.published(state, who, event)
    for data in stanza.all("data", names.BITS):
        told += pictures.piece(state, who, data)
    told += _room(state, who, stanza)
    told += _call(who, stanza)
    offers = files.shared(who, stanza)
    told += offers
    told += files.blocks(who, stanza)
    told += _typing(state, side, who, stanza)
    if stanza.child("composing", names.CHAT_STATES) is None:
        told += _said(state, side, who, stanza, offered=bool(offers))
    return told


def _inside(stanza: Element) -> list[tuple[Element, Element]]:
    """Return the messages that a message forwards, each behind what holds it."""
    found: list[tuple[Element, Element]] = []
    for each in stanza.children:
        forwarded = each if each.ns == names.FORWARD else each.child("forwarded", names.FORWARD)
        inner = forwarded.child("message") if forwarded else None
        if inner is not None:
            found.append((each, inner))
    return found


def _forged(
    state: State, side: Side, who: Parties, wrapper: Element, inner: Element
) -> Anomaly | None:
    """Carbons and archives come from the account's own server, or of a room from the room; a client
    that believes others shows what nobody said (CVE-2017-5589 and its kin).
    """
    ours = side is Side.SERVER and state.account and state.stream.content == names.CLIENT
    writer = names.bare(inner.get("from"))
    trusted = wrapper.ns == names.FORWARD or who.sender in (state.account, writer)
    if not ours or trusted:
        return None
    return Anomaly(kind="spoofed-sender", detail=f"{who.sender} writes as {writer}")


def _past(told: list[Output], kind: str) -> list[Output]:
    """What an archive holds, or somebody repeats, was said then; who called, typed or invited then
    does so no more.
    """
    kept: list[Output] = []
    for each in told:
        call = isinstance(each, Offer) and each.use is Capability.VOICE_VIDEO
        if isinstance(each, Message) and each.kind == "text":
            kept.append(msgspec.structs.replace(each, kind=kind))
        elif not call and not isinstance(each, Room | Typing | OfferAnswer):
            kept.append(each)
    return kept


def _repeated(side: Side, who: Parties, stanza: Element, told: list[Output]) -> list[Output]:
    """What somebody says that another has said is their own word."""
    room = _room_of(side, who, stanza)
    return [
        _message(who, room, each.text, "encrypted" if each.kind == "encrypted" else "forwarded")
        if isinstance(each, Message)
        else each
        for each in _past(told, "forwarded")
    ]


# -- text ------------------------------------------------------------------------------------------


def _said(
    state: State, side: Side, who: Parties, stanza: Element, *, offered: bool
) -> list[Output]:
    kind = stanza.get("type") or "normal"
    body, subject = stanza.said("body"), stanza.said("subject")
    sealed = any((each.name, each.ns) in _ENCRYPTED for each in stanza.children)
    sealed = sealed or bool(_OTR.match(body))
    if kind == "error":
        return [_message(who, "", condition(stanza), "error")]
    if not (body or subject or sealed):
        return []
    room = _room_of(side, who, stanza)
    if room and side is Side.CLIENT:
        state.sent(room, stanza)
    elif room and state.echoed(room, stanza):
        return []
    text = f"{subject}\n{body}" if subject and body else body or subject
    word = {"headline": "headline"}.get(kind, "text" if body else "subject")
    if offered and stanza.child("x", names.OOB):
        word = "url"
    if any(stanza.of(delay) for delay in names.DELAYS):
        word = "offline"
    return [_message(who, room, "" if sealed else text, "encrypted" if sealed else word)]


def _room_of(side: Side, who: Parties, stanza: Element) -> str:
    """Return the room that a message is said in; empty for others."""
    if stanza.get("type") != "groupchat":
        return ""
    return who.recipient if side is Side.CLIENT else who.sender


def _message(who: Parties, room: str, text: str, kind: str) -> Message:
    sender, recipient = who.sender, who.recipient
    if room:
        recipient = "" if recipient == room else recipient
        sender = who.source if sender == room else sender
    return Message(
        sender=sender, recipient=recipient, room=room, text=text, kind=kind, size=len(text)
    )


def _typing(state: State, side: Side, who: Parties, stanza: Element) -> list[Output]:
    """Chat states (XEP-0085), or the events of old (XEP-0022), which a body only asks for."""
    del side
    if stanza.get("type") == "error":
        return []
    states = stanza.of(names.CHAT_STATES)
    if states is not None and states.name in _STATES:
        active = states.name == "composing"
    elif (event := stanza.child("x", names.EVENTS)) and not stanza.child("body"):
        active = event.child("composing") is not None
    else:
        return []
    sender = who.source if stanza.get("type") == "groupchat" else who.sender
    if not state.changed("typing", f"{sender} {who.recipient}", "active" if active else ""):
        return []
    return [Typing(sender=sender, recipient=who.recipient, active=active)]


# -- rooms and calls -------------------------------------------------------------------------------


def _room(state: State, who: Parties, stanza: Element) -> list[Output]:
    """Invitations to rooms (XEP-0045, XEP-0249), with the password where there is one."""
    if direct := stanza.child("x", names.CONFERENCE):
        room = names.bare(direct.get("jid"))
        if room and not stanza.child("x", names.MUC_USER):
            invited = _invites(room, who.sender, who.recipient)
            return [invited, *pubsub.room_password(state, room, direct.get("password"))]
    x = stanza.child("x", names.MUC_USER)
    if x is None:
        return []
    told: list[Output] = []
    for invite in x.all("invite"):
        if invite.get("to"):  # on its way to the room
            told.append(_invites(who.recipient, who.sender, names.bare(invite.get("to"))))
        else:  # rooms name the one who invites, or its nickname with them
            by = invite.get("from")[: names.MAX_JID]
            by = by if names.bare(by) == who.sender else names.bare(by)
            told.append(_invites(who.sender, by, who.recipient))
    if x.child("invite"):
        told += pubsub.room_password(state, who.sender, x.said("password"))
    for decline in x.all("decline"):
        by = names.bare(decline.get("from")) or who.sender
        room = who.recipient if decline.get("to") else who.sender
        told.append(Room(room=room, action="decline", account=by))
    return told


def _invites(room: str, account: str, other: str) -> Room:
    return Room(room=room, action="invite", account=account, others=(other,) if other else ())


def _call(who: Parties, stanza: Element) -> list[Output]:
    """Calls that are proposed before they are set up (XEP-0353)."""
    told: list[Output] = []
    for each in stanza.children:
        if each.ns not in _PROPOSALS:
            continue
        name = each.get("id")[:128]
        if each.name == "propose":
            media = [part.get("media") for part in each.all("description")]
            told.append(
                Offer(
                    use=Capability.VOICE_VIDEO,
                    sender=who.sender,
                    recipient=who.recipient,
                    id=name,
                    detail=" and ".join(word for word in media if word)[:80],
                )
            )
        elif each.name in ("proceed", "reject", "retract"):
            told.append(
                OfferAnswer(
                    use=Capability.VOICE_VIDEO,
                    sender=who.sender,
                    recipient=who.recipient,
                    id=name,
                    accepted=each.name == "proceed",
                    reason="" if each.name == "proceed" else each.name,
                )
            )
    return told
