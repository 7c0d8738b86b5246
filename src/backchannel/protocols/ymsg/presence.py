r"""Who is there: contact lists, their changes, authorisation and status.

LIST     87 "group:name,name\n..." | 88 ignored names | 89 own names | 59 cookies
LIST_15  302 = 318 before groups, 65 group, 7 name, 302 = 320 before ignored names
status   7 name | 10 status | 19 text | 47 away | 137 idle seconds | 13 = 0 offline
"""

from collections.abc import Iterator
from itertools import pairwise

from backchannel.events import Contact, Contacts, Message, Presence, Profile, SignOff
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.ymsg import cookies, login, tables
from backchannel.protocols.ymsg.markup import plain, words
from backchannel.protocols.ymsg.state import MOST_LIST_BYTES, Body, State, number
from backchannel.protocols.ymsg.tables import Service

_OFFLINE = {Service.LOGOFF, Service.CHATLOGOFF, Service.GAMELOGOFF}
_MOST_NAMES = 16


# -- lists -------------------------------------------------------------------------------------


def contact_list(state: State, body: Body) -> Iterator[Output]:
    """LIST: contacts, ignored people, own names and cookies, perhaps over several packets."""
    if body.side is Side.CLIENT and body.packet.version:
        return
    yield from login.accepted(state, body.account(3, 0) or state.account)
    for key, value in body.fields:
        held = state.buddies if key == 87 else state.ignored if key == 88 else None
        if held is not None and len(held) + len(value) <= MOST_LIST_BYTES:
            held += value
    yield from _cookies(state, body)
    yield from _own_names(state, body)
    if body.packet.status == 0 and (state.buddies or state.ignored):
        yield from _flush(state)


def _flush(state: State) -> Iterator[Output]:
    entries = [
        Contact(account=name, group=group)
        for line in words(bytes(state.buddies)).split("\n")
        for group, _, names in [line.partition(":")]
        for name in names.split(",")
        if name
    ]
    ignored = words(bytes(state.ignored)).strip().split(",")
    entries += [Contact(account=name, blocked=True) for name in ignored if name]
    state.buddies.clear()
    state.ignored.clear()
    if entries:
        yield Contacts(owner=state.account, entries=tuple(entries))


def _cookies(state: State, body: Body) -> Iterator[Output]:
    """Cookies come as `Y<tab>value; expires=...`, one a field or all in one (one a line)."""
    jar: dict[str, str] = {}
    for line in "\n".join(body.all(59)).split("\n")[:_MOST_NAMES]:
        name, tab, value = line.partition("\t")
        if tab and name in {"Y", "T", "B", "C"}:
            jar.setdefault(name, value.split(";", 1)[0])
    yield from cookies.outputs(state.account, jar)


def _own_names(state: State, body: Body) -> Iterator[Output]:
    for name in body.text(89).split(",")[:_MOST_NAMES]:
        if name and name != state.account:
            yield Profile(account=state.account, nickname=name)


def contact_list_15(state: State, body: Body) -> Iterator[Output]:
    """LIST_15: contacts and ignored people of versions 15 and up."""
    if body.side is Side.CLIENT and body.packet.version:
        return
    yield from login.accepted(state, state.account)
    entries: list[Contact] = []
    name, network, ignored = "", "", False
    for key, value in (*body.fields, (301, b"")):
        if key in {7, 301} and name:
            group = "" if ignored else state.group
            entries.append(Contact(account=network + name, group=group, blocked=ignored))
            name = network = ""
        if key == 7:
            name = words(value)
        elif key == 65:
            state.group = words(value)[:256]
        elif key == 241:
            network = tables.NETWORKS.get(number(value), "")
        elif key == 302:
            ignored = value == b"320"
    if entries:
        yield Contacts(owner=state.account, entries=tuple(entries))
    yield from _cookies(state, body)


def change(state: State, body: Body) -> Iterator[Output]:
    """ADDBUDDY, REMBUDDY, IGNORECONTACT, CHANGE_GROUP: as asked; as confirmed if only that came."""
    service = body.packet.service
    told = service == Service.IGNORECONTACT and body.side is Side.SERVER
    name = body.account(0, 7) if told and 7 not in body else body.account(7)
    group = body.text(264) if service == Service.CHANGE_GROUP else body.text(65)
    removes = service == Service.REMBUDDY or (
        service == Service.IGNORECONTACT and body.number(13) == 2
    )
    this = (str(service), name.lower(), f"{removes}")
    # 66 = 2: it stands on the list already. Anything else but 0 is a failure.
    if not name or this == state.changed or body.number(66) not in {0, 2}:
        return
    state.changed = this
    entry = Contact(account=name, group=group, blocked=service == Service.IGNORECONTACT)
    owner = state.account if told else body.account(1) or state.account
    yield Contacts(owner=owner, change="remove" if removes else "add", entries=(entry,))
    if (note := body.text(14).strip()) and body.side is Side.CLIENT:
        yield _authorization(owner, name, note, "authorization")


def authorization(state: State, body: Body) -> Iterator[Output]:
    """NEWCONTACT, REJECTCONTACT, AUTH_REQ_15: somebody asks to be allowed on a list, or answers."""
    service, status = body.packet.service, body.packet.status
    if service == Service.NEWCONTACT and (status == 1 or 7 in body):
        yield from status_update(state, body)
        return
    if body.side is Side.CLIENT and body.packet.version:
        sender, recipient = body.account(1), body.account(5, 7)
    else:
        sender, recipient = body.account(4, 3), body.account(5, 1) or state.account
    answer = body.number(13)
    if service == Service.REJECTCONTACT or answer == 2 or status == 7:
        kind = "authorization-denied"
    else:
        kind = "authorization-granted" if answer == 1 else "authorization"
    if sender or recipient:
        yield _authorization(sender, recipient, body.text(14), kind)


def _authorization(sender: str, recipient: str, note: str, kind: str) -> Message:
    note = plain(note)
    return Message(sender=sender, recipient=recipient, text=note, kind=kind, size=len(note))


def details(_state: State, body: Body) -> Iterator[Output]:
    """CONTACT_DETAILS: an address book entry as XML."""
    if xml := body.text(280):
        yield Profile(account=body.account(4, 1), text=xml)


# -- status ------------------------------------------------------------------------------------


def status_update(state: State, body: Body) -> Iterator[Output]:
    """LOGON, LOGOFF, ISAWAY, ISBACK, STATUS_15 and their kin: own status, or that of others."""
    from_client = body.side is Side.CLIENT and body.packet.version != 0
    if from_client and 7 not in body:
        yield from _own_status(state, body)
        return
    if body.packet.service == Service.LOGOFF and body.packet.status == tables.FAILED:
        yield SignOff(account=state.account, reason="signed on elsewhere")
        return
    if body.packet.service in {Service.LOGON, Service.CHATLOGON} and 1 in body:
        yield from login.accepted(state, body.account(1, 0))
    for entry in _entries(state, body):
        yield from _presence(body.packet.service, entry)


def _own_status(state: State, body: Body) -> Iterator[Output]:
    service = body.packet.service
    if service in {Service.LOGOFF, Service.CHATLOGOFF}:
        yield SignOff(account=body.account(0, 1) or state.account)
    elif service in {Service.LOGON, Service.WEBLOGIN} or (
        service == Service.CHATLOGON and 6 in body
    ):
        yield from login.logon(state, body)
    elif service == Service.VISIBLE_TOGGLE:
        hidden = body.number(13) == 2
        yield Presence(account=state.account, status="invisible" if hidden else "online")
    elif 10 in body:
        yield from _presence(service, {7: state.account.encode(), **dict(body.fields)})


def _entries(state: State, body: Body) -> Iterator[dict[int, bytes]]:
    """Yield the fields of each person. A version 15 entry may go on in the next packet."""
    fields = state.half + body.fields
    state.half = []
    starts = [at for at, (key, _) in enumerate(fields) if key == 7]
    for at, stop in pairwise([*starts, len(fields)]):
        entry = fields[at:stop]
        opened = (300, b"315") in body.fields
        if stop == len(fields) and opened and 301 not in dict(entry) and len(entry) < 64:
            state.half = entry
            return
        yield dict(reversed(entry))


def _presence(service: int, entry: dict[int, bytes]) -> Iterator[Output]:
    account = words(entry.get(7, b""))
    code = number(entry.get(10, b""))
    away, note = number(entry.get(47, b"")), plain(words(entry.get(19, b"")))
    offline = service in _OFFLINE or entry.get(13) == b"0"
    if offline:
        status = "offline"
    elif code == tables.CUSTOM:
        status = {0: "online", 2: "idle"}.get(away, "away")
    else:
        status = tables.STATUS.get(code, f"status-{code}")
    idle = number(entry.get(137, b"")) if status != "online" and not offline else 0
    if account:
        network = tables.NETWORKS.get(number(entry.get(241, b"")), "")
        yield Presence(account=network + account, status=status, text=note, idle=max(0, idle))
