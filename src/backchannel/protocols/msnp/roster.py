"""Contact lists: as stored, and as they are changed.

    LST   MSNP2-7    n list serial index total account nickname [groups]
          MSNP8-9    account nickname lists [groups]
          MSNP10-12  N=account F=nickname C=guid lists [type] [groups]
    ADD n list [serial] account nickname [group]     ADC n list N=account F=nickname [C=guid]
    REM n list [serial] account [group]              ADC n FL C=guid group
    groups: LSG, ADG, REG, RMG                       REM n FL guid [group], of MSNP10 to 12
    ADL, RML, FQY   since MSNP13: <ml><d n="host"><c n="user" l="3" t="1" f="nick"/></d></ml>

Lists are FL (forward: one's own), AL (allowed), BL (blocked), RL (reverse: who lists me) and PL
(pending); as a number their bits are 1, 2, 4, 8 and 16.
"""

import re

from backchannel.events import Contact, Contacts, Search, SearchHit
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.msnp.names import account, nickname
from backchannel.protocols.msnp.state import State
from backchannel.protocols.msnp.wire import Command
from backchannel.text import decode, unescape

LISTS = {"FL": "forward", "AL": "allow", "BL": "block", "RL": "reverse", "PL": "pending"}
_BITS = ((1, "forward"), (2, "allow"), (4, "block"), (8, "reverse"), (16, "pending"))
MAX_ENTRIES = 2048
_ELEMENT = re.compile(r"<(/?)([dct])\b([^<>]{0,1024})>")
_ATTRIBUTE = re.compile(r"\b([a-z])\s*=\s*(?:\"([^\"]{0,512})\"|'([^']{0,512})')")
_FIELD = re.compile(r"([A-Z])=(.*)", re.DOTALL)


def contact(state: State, side: Side, command: Command) -> list[Output]:
    """`LST`, in the form of any version."""
    words = command.words
    if side is Side.CLIENT or not words:
        return []
    if words[0].startswith("N="):
        return _contact_10(state, words)
    if len(words) >= 7 and words[1] in LISTS:
        return _listed(state, words[5], words[6], (LISTS[words[1]],), words[7:8])
    if "@" in words[0] and len(words) >= 3:
        return _listed(state, words[0], words[1], _lists(words[2]), words[3:4])
    return []


def _contact_10(state: State, words: tuple[str, ...]) -> list[Output]:
    fields = _fields(words)
    plain = [word for word in words if not _FIELD.fullmatch(word)]
    groups = plain[-1:] if len(plain) > 1 and not plain[-1].isdigit() else []
    lists = _lists(plain[0]) if plain else ()
    state.name_contact(fields.get("C", ""), account(fields.get("N", "")))
    return _listed(state, fields.get("N", ""), fields.get("F", ""), lists, groups)


def _fields(words: tuple[str, ...]) -> dict[str, str]:
    """Read words such as `N=bob@example.com`."""
    return {found[1]: found[2] for word in words if (found := _FIELD.fullmatch(word))}


def _listed(
    state: State, who: str, nick: str, lists: tuple[str, ...], groups: tuple[str, ...] | list[str]
) -> list[Output]:
    entry = _entry(state, who, nick, lists, groups[0] if groups else "")
    return [Contacts(owner=state.account, entries=(entry,))] if entry.account else []


def _entry(state: State, who: str, nick: str, lists: tuple[str, ...], groups: str) -> Contact:
    names = [state.groups.get(key[:40], "") for key in groups.split(",") if key]
    return Contact(
        account=account(who),
        nickname=nickname(nick),
        group=", ".join(name for name in names if name),
        blocked="block" in lists,
        lists=lists,
    )


def _lists(word: str) -> tuple[str, ...]:
    bits = int(word) if word.isascii() and word.isdigit() and len(word) < 4 else 0
    return tuple(name for bit, name in _BITS if bits & bit)


def group(state: State, side: Side, command: Command) -> list[Output]:
    """`LSG`: id and name before MSNP10, name and GUID since; MSNP7 counts before them."""
    words = command.words
    if side is Side.CLIENT or len(words) < 2:
        return []
    if len(words) >= 6 and all(word.isdigit() for word in words[:5]):
        state.name_group(words[4], words[5])
    elif words[0].isdigit() and len(words) > 2:
        state.name_group(words[0], words[1])
    else:
        state.name_group(words[1], words[0])
    return []


def regroup(state: State, side: Side, command: Command) -> list[Output]:
    """`ADG` and `REG` from the server: a group's id and its name."""
    words = command.words
    if side is Side.CLIENT or len(words) < 4:
        return []
    first, second = words[2], words[3]
    key, name = (second, first) if command.name == "ADG" else (first, second)
    state.name_group(key, name)
    return []


def change(state: State, side: Side, command: Command) -> list[Output]:
    """`ADD`, `ADC` and `REM`: told when asked for, or when the server begins it (RL)."""
    words = command.words
    if len(words) < 3 or words[1] not in LISTS:
        return []
    fields = _fields(words[2:])
    state.name_contact(fields.get("C", ""), account(fields.get("N", "")))
    if not _is_news(state, side, words[0], "list"):
        return []
    plain = [word for word in words[2:] if not _FIELD.fullmatch(word)]
    if plain and plain[0].isdigit() and "@" not in plain[0]:
        plain = plain[1:]
    who = fields.get("N") or next((word for word in plain if "@" in word), "")
    if not who:
        guid = fields.get("C") or (plain[0] if plain else "")
        who = state.contacts.get(guid[:40].lower(), "")
    rest = plain[plain.index(who) + 1 :] if who in plain else []
    nick = fields.get("F") or (rest[0] if rest and command.name == "ADD" else "")
    groups = next((word for word in reversed(plain) if word[:40] in state.groups), "")
    entry = _entry(state, who, nick, (LISTS[words[1]],), groups)
    if not entry.account:
        return []
    if command.name == "REM":
        return [Contacts(owner=state.account, change="remove", entries=(entry,))]
    return [Contacts(owner=state.account, change="add", entries=(entry,))]


def _is_news(state: State, side: Side, trid: str, what: str) -> bool:
    """Whether this is anything but an echo of what the client asked for."""
    if side is Side.CLIENT:
        state.ask(trid, what)
        return True
    return state.answer(trid)[0] != what


def membership(state: State, side: Side, command: Command) -> list[Output]:
    """`ADL` and `RML`, and the answer to `FQY`: contacts by host and user, in XML."""
    if not command.payload or not _is_news(state, side, command.word(0), "members"):
        return []
    text = decode(command.payload)
    entries = read_members(state, text)
    if not entries or (command.name == "FQY" and side is Side.CLIENT):
        return []
    # With l="1" the client tells what its list was already: not a change.
    initial = side is Side.CLIENT and re.search(r"<ml\s[^>]*\bl=[\"']1[\"']", text[:256])
    if command.name == "RML":
        return [Contacts(owner=state.account, change="remove", entries=entries)]
    whole = initial or command.name == "FQY"
    return [Contacts(owner=state.account, change="list" if whole else "add", entries=entries)]


def read_members(state: State, text: str) -> tuple[Contact, ...]:
    """Read `<ml>`, at most MAX_ENTRIES contacts; a `t` element holds telephone numbers."""
    found: list[Contact] = []
    host = ""
    for closing, tag, inside in _ELEMENT.findall(text):
        if closing:
            host = "" if tag == "d" else host
            continue
        fields = {name: unescape(a or b) for name, a, b in _ATTRIBUTE.findall(inside)}
        if tag == "d":
            host = fields.get("n", "")
        elif tag == "c" and fields.get("n"):
            who = f"{fields['n']}@{host}" if host else fields["n"]
            lists = _lists(fields.get("l", ""))
            found.append(_entry(state, who, fields.get("f", ""), lists, ""))
            if len(found) >= MAX_ENTRIES:
                break
    return tuple(found)


def find(state: State, side: Side, command: Command) -> list[Output]:
    """`FND n fname=.. lname=.. city=..`: the member directory of MSNP2 to 7."""
    pairs = [word.partition("=") for word in command.words if "=" in word]
    fields = {name: nickname(value) for name, _, value in pairs if value not in ("", "*")}
    text = " ".join(f"{name}={value}" for name, value in fields.items())[:400]
    trid = command.word(0)
    if not fields:
        return []
    if side is Side.CLIENT:
        return [Search(text=text, id=trid, account=state.account)]
    owner = " ".join(part for part in (fields.get("fname"), fields.get("lname")) if part)
    return [SearchHit(owner=owner, id=trid, detail=text)]
