"""Publish-subscribe (XEP-0060), as far as people tell of themselves or keep secrets by it.

Items come in an iq, and in messages to whoever subscribed: nicknames (XEP-0172), pictures
(XEP-0084), and the rooms that somebody keeps, with their passwords (XEP-0402; XEP-0048 keeps them
in private storage too).
"""

from backchannel.events import Credential
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.xmpp import names, people, pictures
from backchannel.protocols.xmpp.elements import Element
from backchannel.protocols.xmpp.state import Parties, State, parties

MAX_ITEMS = 256


def queried(state: State, side: Side, stanza: Element, pubsub: Element) -> list[Output]:
    """`pubsub` of an iq: published, or got."""
    return published(state, parties(state, side, stanza), pubsub)


def published(state: State, who: Parties, pubsub: Element) -> list[Output]:
    """`pubsub`, or the `event` of a message."""
    told: list[Output] = []
    for items in pubsub.children[:4]:
        for item in list(items.all("item"))[:MAX_ITEMS]:
            told += _item(state, who, item)
    return told


def _item(state: State, who: Parties, item: Element) -> list[Output]:
    told: list[Output] = []
    if nick := item.child("nick", names.NICK):
        told += people.nickname(state, who.sender, nick.text)
    if data := item.child("data", names.AVATAR):
        told += pictures.avatar(state, who, data.text, item.get("id"))
    if room := item.child("conference", names.BOOKMARKS):
        told += room_password(state, item.get("id"), room.said("password"))
    if storage := item.child("storage", names.STORAGE):
        told += _kept(state, storage)
    return told


def private(state: State, _side: Side, _stanza: Element, query: Element) -> list[Output]:
    """`jabber:iq:private` (XEP-0049): what somebody keeps at the server."""
    storage = query.child("storage", names.STORAGE)
    return _kept(state, storage) if storage else []


def _kept(state: State, storage: Element) -> list[Output]:
    told: list[Output] = []
    for room in list(storage.all("conference"))[:MAX_ITEMS]:
        told += room_password(state, room.get("jid"), room.said("password"))
    return told


def room_password(state: State, room: str, secret: str) -> list[Output]:
    """Tell the password of a room, once."""
    room = names.bare(room)
    if not secret or not state.changed("room password", room, secret):
        return []
    return [Credential(account=room, kind="plain", scheme="muc-password", secret=secret)]
