"""`presence` stanzas, contact lists, and what people tell about themselves.

Rooms (XEP-0045) use presence too: a first one says who came, an `unavailable` one who left.
"""

from backchannel.effects import Tie
from backchannel.events import (
    Contact,
    Contacts,
    Credential,
    Message,
    Presence,
    Profile,
    Room,
    Software,
)
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.xmpp import names, pictures
from backchannel.protocols.xmpp.elements import Element
from backchannel.protocols.xmpp.state import State, parties

MAX_ENTRIES = 4096
_SHOW = {"": "online", "away": "away", "xa": "extended-away", "dnd": "busy", "chat": "chat"}
_PROFILE = ("FN", "NICKNAME", "BDAY", "TITLE", "ROLE", "URL", "DESC")
_CREATED, _SELF = "201", "110"


# -- presence --------------------------------------------------------------------------------------


def presence(state: State, side: Side, stanza: Element) -> list[Output]:
    """Say what a presence means: of a contact, in a room, or about a subscription.

    Between a client and its server the contact list tells what came of a subscription.
    """
    who = parties(state, side, stanza)
    kind = stanza.get("type")
    x = stanza.child("x", names.MUC_USER)
    told: list[Output] = _program(state, side, _occupied_by(who.source, x) or who.sender, stanza)
    if nick := stanza.child("nick", names.NICK):
        told += nickname(state, who.sender, nick.text)
    if x is not None:
        return told + _occupant(state, who.source, x, stanza)
    directed = bool(stanza.get("to")) and side is Side.CLIENT
    if directed and (x := stanza.child("x", names.MUC)):
        return told + _enter(state, who.target, x)
    if not directed:
        state.seen(who.source, here=kind == "")
    if directed and kind == "unavailable" and _was_in(state, who.target):
        return [*told, *_left(state, who.target, who.sender)]
    if kind in ("", "unavailable", "invisible"):
        if kind == "unavailable" and state.elsewhere(who.source):
            return told
        return [*told, *_shown(state, who.sender, kind, stanza)]
    if kind == "subscribe":
        text = stanza.said("status")
        return [
            *told,
            Message(
                sender=who.sender,
                recipient=who.recipient,
                text=text,
                kind="authorization",
                size=len(text),
            ),
        ]
    if kind in ("subscribed", "unsubscribed") and state.stream.content == names.SERVER:
        entry = Contact(account=who.recipient, lists=("allow",))
        change = "add" if kind == "subscribed" else "remove"
        return [*told, Contacts(owner=who.sender, change=change, entries=(entry,))]  # type: ignore[arg-type]
    return told


def _shown(state: State, account: str, kind: str, stanza: Element) -> list[Output]:
    show = stanza.said("show")[:40]
    status = "offline" if kind == "unavailable" else kind or _SHOW.get(show, show)
    text = stanza.said("status")
    if not account or not state.changed("presence", account, f"{status} {text}"):
        return []
    return [Presence(account=account, status=status, text=text)]


def _program(state: State, side: Side, account: str, stanza: Element) -> list[Output]:
    """Entity capabilities (XEP-0115): the node is an address of the program's maker."""
    caps = stanza.child("c", names.CAPS)
    if caps is None or not caps.get("node"):
        return []
    name = caps.get("node")[:128]
    if not state.changed("caps", account, name):
        return []
    version = "" if caps.get("hash") else caps.get("ver")[:64]
    role = role_of(state, account, side)
    return [Software(name=name, version=version, role=role, account=account)]  # type: ignore[arg-type]


def role_of(state: State, account: str, side: Side) -> str:
    """Return what a program is: the client's own, a server, or somebody else's."""
    if not names.is_account(account):
        return "server"
    return "client" if side is Side.CLIENT or account == state.account else "peer"


# -- rooms -----------------------------------------------------------------------------------------


def _enter(state: State, target: str, x: Element) -> list[Output]:
    room = names.bare(target)
    if not state.changed("room", target, "in"):
        return []
    told: list[Output] = [Room(room=room, action="join", account=state.account)]
    if password := x.said("password"):
        told.append(Credential(account=room, kind="plain", scheme="muc-password", secret=password))
    return told


def _was_in(state: State, target: str) -> bool:
    return bool(names.resource(target)) and state.changed("room", target, "")


def _occupied_by(source: str, x: Element | None) -> str:
    """Return who is in a room: their own address where the room tells it; '' for no room."""
    item = x.child("item") if x is not None else None
    account = names.bare(item.get("jid")) if item is not None else ""
    return account or (source if x is not None else "")


def _left(state: State, target: str, account: str) -> list[Output]:
    return [Room(room=names.bare(target), action="leave", account=account or state.account)]


def _occupant(state: State, source: str, x: Element, stanza: Element) -> list[Output]:
    """Somebody in a room: by their own address where the room tells it, else by their nickname."""
    room, kind = names.bare(source), stanza.get("type")
    codes = {each.get("code") for each in x.all("status")}
    own = _SELF in codes
    account = state.account if own and state.account else _occupied_by(source, x)
    if kind == "error":
        return []
    if kind == "unavailable":
        if not state.changed("room", source, ""):
            return []
        return _left(state, source, account)
    told: list[Output] = []
    if _CREATED in codes:
        told.append(Room(room=room, action="create", account=account))
    if state.changed("room", source, "in"):
        told.append(Room(room=room, action="join", account=account))
    elif not own:
        told += _shown(state, source, kind, stanza)
    return told


# -- contact lists ---------------------------------------------------------------------------------


def roster(state: State, side: Side, stanza: Element, query: Element) -> list[Output]:
    """`jabber:iq:roster`: the list as stored, or one entry that changes."""
    kind, items = stanza.get("type"), list(query.all("item"))[:MAX_ENTRIES]
    owner = state.account
    if kind == "result" and side is Side.SERVER:
        entries = tuple(_entry(item, group) for item in items for group in _groups(item))
        return [Contacts(owner=owner, entries=entries)] if entries else []
    told: list[Output] = []
    for item in items if kind == "set" else ():
        gone = item.get("subscription") == "remove"
        entries = tuple(_entry(item, group) for group in _groups(item))
        shape = "gone" if gone else f"{item.get('subscription')} {item.get('name')} {_groups(item)}"
        if state.changed("contact", names.bare(item.get("jid")), shape):
            told.append(Contacts(owner=owner, change="remove" if gone else "add", entries=entries))
    return told


def _groups(item: Element) -> list[str]:
    return [group.text.strip() for group in item.all("group")][:16] or [""]


def _entry(item: Element, group: str) -> Contact:
    lists = {"to": ("forward",), "from": ("reverse",), "both": ("forward", "reverse")}
    pending = ("pending",) if item.get("ask") else ()
    return Contact(
        account=names.bare(item.get("jid")),
        nickname=item.get("name"),
        group=group,
        lists=lists.get(item.get("subscription"), ()) + pending,
    )


def blocking(state: State, side: Side, stanza: Element, query: Element) -> list[Output]:
    """`urn:xmpp:blocking` (XEP-0191): the list, or whom to block from now on, or no longer."""
    kind = stanza.get("type")
    listed = query.name == "blocklist" and kind == "result"
    changed = query.name in ("block", "unblock") and kind == "set" and side is Side.CLIENT
    if not (listed or changed):
        return []
    entries = tuple(
        Contact(
            account=names.bare(item.get("jid")), blocked=query.name != "unblock", lists=("block",)
        )
        for item in list(query.all("item"))[:MAX_ENTRIES]
    )
    change = "list" if listed else "remove" if query.name == "unblock" else "add"
    if not entries:
        return []
    return [Contacts(owner=state.account, change=change, entries=entries)]  # type: ignore[arg-type]


# -- who somebody is -------------------------------------------------------------------------------


def nickname(state: State, account: str, nick: str) -> list[Output]:
    """A nickname that somebody gives themselves (XEP-0172)."""
    nick = nick.strip()[:256]
    if not nick or not state.changed("nick", account, nick):
        return []
    return [Profile(account=account, nickname=nick)]


def vcard(state: State, side: Side, stanza: Element, card: Element) -> list[Output]:
    """`vcard-temp` (XEP-0054): set by its owner, or got by whoever asks."""
    if stanza.get("type") not in ("set", "result") or not card.children:
        return []
    who = parties(state, side, stanza)
    lines = [f"{name}: {text}" for name in _PROFILE if (text := card.said(name))]
    for name, part in (("EMAIL", "USERID"), ("TEL", "NUMBER"), ("ORG", "ORGNAME")):
        lines += [f"{name}: {text}" for each in card.all(name) if (text := each.said(part))]
    text, told = "\n".join(lines), list[Output]()
    if lines and state.changed("vcard", who.sender, text):
        nickname = card.said("NICKNAME")[:256]
        told.append(Profile(account=who.sender, nickname=nickname, text=text))
    if photo := card.child("PHOTO"):
        told += pictures.avatar(state, who, photo.said("BINVAL"))
    return told


def resumable(state: State, side: Side, element: Element) -> list[Output]:
    """`enabled`: by this id a stream may go on over another connection; `resume`: one does."""
    wanted = ("id", "enabled") if side is Side.SERVER else ("previd", "resume")
    name = element.get(wanted[0])[:256] if element.name == wanted[1] else ""
    key = f"xmpp resume {state.stream.to} {name}"
    return [Tie(key=key, account=state.account)] if name else []


def bound(state: State, jid: str) -> list[Output]:
    """The server said which address the client has: the flow belongs to that session."""
    state.meet(jid.strip())
    return [Tie(key=f"xmpp {state.full}", account=state.account)] if state.account else []
