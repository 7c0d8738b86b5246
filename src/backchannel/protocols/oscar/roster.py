"""The contact list that the service keeps: SNAC family 0x13.

    item   name16 | group u16 | item u16 | kind u16 | length u16 | TLVs

A group is an item whose number is 0. Sources: iserverd ssi_item, snac_13_*; libpurple
family_feedbag.c; open-oscar-server wire/snacs.go (feedbag classes and attributes).
"""

from typing import Literal

from backchannel.events import Contact, Contacts, Message
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.oscar import wire
from backchannel.protocols.oscar.markup import readable
from backchannel.protocols.oscar.state import State, is_number
from backchannel.protocols.oscar.wire import Snac
from backchannel.reader import Reader, WireError
from backchannel.text import utf8

BUDDY, GROUP, DENY, IGNORE = 0x00, 0x01, 0x03, 0x0E
LISTED = frozenset({BUDDY, DENY, IGNORE})
"""Kinds of items that are somebody."""
ALIAS = 0x0131
ENTRIES = 5000
"""Most entries taken from one message; a FLAP frame holds fewer honest ones."""


class Item:
    """One stored item."""

    __slots__ = ("group", "kind", "name", "values")

    def __init__(self, reader: Reader) -> None:
        """Read it from where *reader* stands."""
        self.name = utf8(wire.text16(reader))
        self.group = reader.u16()
        reader.skip(2)
        self.kind = reader.u16()
        self.values = wire.text16(reader)


def _entries(state: State, items: list[Item]) -> tuple[Contact, ...]:
    for item in items:
        if item.kind == GROUP and item.group:
            remember(state.groups, item.group, item.name, 1000)
    return tuple([_contact(state, item) for item in items if item.kind in LISTED])


def _contact(state: State, item: Item) -> Contact:
    try:
        alias = wire.tlvs(Reader(item.values)).get(ALIAS, b"") if item.values else b""
    except WireError:
        alias = b""
    group = state.groups.get(item.group, "") if item.kind == BUDDY else ""
    blocked = item.kind != BUDDY
    return Contact(account=item.name, nickname=utf8(alias), group=group, blocked=blocked)


def listed(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """13/06: the list as stored, possibly in several messages."""
    reader.skip(1)
    count, items = min(reader.u16(), ENTRIES), list[Item]()
    try:
        while len(items) < count:
            items.append(Item(reader))
    finally:  # what came before a break is kept
        if entries := _entries(state, items):
            if not [each for each in entries if not is_number(each.account)]:
                state.meet(entries[0].account)
            out.append(Contacts(owner=state.account, entries=entries))


def changed(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """13/08, 13/09, 13/0a: items are added, altered or removed."""
    items = list[Item]()
    change: Literal["add", "remove"] = "remove" if snac.subtype == 0x0A else "add"
    try:
        while reader and len(items) < ENTRIES:
            items.append(Item(reader))
    finally:
        if entries := _entries(state, items):
            out.append(Contacts(owner=state.account, change=change, entries=entries))


def _authorization(state: State, name: str, text: bytes, snac: Snac, kind: str) -> Message:
    ours = snac.subtype in (0x14, 0x18, 0x1A)
    plain, markup = readable(utf8(text), escaped=False)
    return Message(
        sender=state.account if ours else name,
        recipient=name if ours else state.account,
        text=plain,
        markup=markup,
        size=len(plain),
        kind=kind,
    )


def authorize(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """13/14, 13/15, 13/18, 13/19: somebody lets in unasked, or asks to be let onto a list."""
    name = wire.name8(reader)
    kind = "authorization-granted" if snac.subtype in (0x14, 0x15) else "authorization"
    out.append(_authorization(state, name, wire.text16(reader), snac, kind))


def authorized(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """13/1a, 13/1b: the answer, with a reason."""
    name = wire.name8(reader)
    kind = "authorization-granted" if reader.u8() else "authorization-denied"
    out.append(_authorization(state, name, wire.text16(reader), snac, kind))


def were_added(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """13/1c: somebody has the client's user on their list now."""
    entry = Contact(account=state.account)
    out.append(Contacts(owner=wire.name8(reader), change="add", entries=(entry,)))


SNACS = {
    (0x13, 0x06): listed,
    (0x13, 0x08): changed,
    (0x13, 0x09): changed,
    (0x13, 0x0A): changed,
    (0x13, 0x14): authorize,
    (0x13, 0x15): authorize,
    (0x13, 0x18): authorize,
    (0x13, 0x19): authorize,
    (0x13, 0x1A): authorized,
    (0x13, 0x1B): authorized,
    (0x13, 0x1C): were_added,
}
