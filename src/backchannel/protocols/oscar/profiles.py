"""Who people say they are: SNAC families 0x02 (profiles), 0x03 (presence), 0x07 (account) and the
directories 0x0a and 0x0f.

Sources: iserverd snac_02_*, snac_03_*, snac_07_*, snac_0a_*, snac_0f_*; libpurple family_locate.c,
family_buddy.c, family_admin.c; joscar snaccmd/search/SearchResultsCmd.
"""

from backchannel.events import Contact, Contacts, Credential, Presence, Profile, Search, SearchHit
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.oscar import people, wire
from backchannel.protocols.oscar.state import State
from backchannel.protocols.oscar.wire import Snac
from backchannel.reader import Reader
from backchannel.text import decode

ENTRIES = 1000
"""Most names taken from one message."""

# Tags of directory entries (libpurple family_locate.c aim_locate_setdirinfo).
_FIELDS = (
    (0x01, "first name"),
    (0x03, "middle name"),
    (0x02, "last name"),
    (0x04, "maiden name"),
    (0x05, "email"),
    (0x21, "street"),
    (0x08, "city"),
    (0x07, "state"),
    (0x0D, "zip"),
    (0x06, "country"),
    (0x0C, "nickname"),
    (0x0B, "interest"),
)


def set_info(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """02/04: the client's profile, away message (empty: back again) and capabilities."""
    values = wire.tlvs(reader)
    if 2 in values:
        text = people.plain(values[2], values.get(1, b""))
        out.append(Profile(account=state.account, text=text))
    if text := people.plain(values.get(4, b""), values.get(3, b"")):
        state.away = True
        people.presence(state, state.account, ("away", text, 0), out)
    elif 4 in values and state.away:
        state.away = False
        people.presence(state, state.account, ("online", "", 0), out)
    people.programs(state, state.account, values.get(5, b""), out)


def ask_info(state: State, reader: Reader, snac: Snac, _out: list[Output]) -> None:
    """02/05 and 02/15: somebody's profile or away message is asked for."""
    reader.skip(2 if snac.subtype == 5 else 4)
    remember(state.about, snac.request, wire.name8(reader))


def info(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """02/06: somebody's profile or away message."""
    who = wire.user_info(reader)
    people.addresses(state, who, "profile", out)
    values = wire.tlvs(reader)
    if 2 in values:
        out.append(Profile(account=who.name, text=people.plain(values[2], values.get(1, b""))))
    if values.get(4):
        text = people.plain(values[4], values.get(3, b""))
        out.append(Presence(account=who.name, status="away", text=text))
    people.programs(state, who.name, values.get(5, b""), out)


def set_directory(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """02/09: what the client's user has put into the directory."""
    _entry(state.account, wire.tlvs(reader), out)


def ask_directory(state: State, reader: Reader, snac: Snac, _out: list[Output]) -> None:
    """02/0b: somebody's entry is asked for."""
    remember(state.about, snac.request, wire.name8(reader))


def directory(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """02/0c: that entry."""
    reader.skip(2)
    _entry(state.about.pop(snac.request, ""), wire.counted_tlvs(reader), out)


def _entry(account: str, values: dict[int, bytes], out: list[Output]) -> None:
    if text := _fields(values):
        nickname = decode(values.get(0x0C, b""))
        out.append(Profile(account=account, nickname=nickname, text=text))


def _fields(values: dict[int, bytes]) -> str:
    told = [(word, decode(values.get(tag, b""))) for tag, word in _FIELDS]
    return ", ".join([f"{word}: {value}" for word, value in told if value])


def arrived(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """03/0b: somebody on the contact list is there, or changed."""
    for _ in range(ENTRIES):
        if not reader:
            return
        people.arrival(state, wire.user_info(reader), "contact-online", out)


def departed(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """03/0c: somebody on the contact list is gone."""
    for _ in range(ENTRIES):
        if not reader:
            return
        people.presence(state, wire.user_info(reader).name, ("offline", "", 0), out)


def _names(reader: Reader, *, blocked: bool = False) -> tuple[Contact, ...]:
    found = list[Contact]()
    while reader and len(found) < ENTRIES:
        found.append(Contact(account=wire.name8(reader), blocked=blocked))
    return tuple(found)


def add(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """03/04, 09/05, 09/07: names come to the contact list, or to the list of the blocked."""
    if entries := _names(reader, blocked=(snac.family, snac.subtype) == (0x09, 0x07)):
        out.append(Contacts(owner=state.account, change="add", entries=entries))


def remove(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """03/05, 09/06, 09/08: names go from it."""
    if entries := _names(reader, blocked=(snac.family, snac.subtype) == (0x09, 0x08)):
        out.append(Contacts(owner=state.account, change="remove", entries=entries))


def change_account(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """07/04: a new password (with the old one, both readable) or mail address."""
    values = wire.tlvs(reader)
    for tag in (0x12, 0x02):
        if tag in values:
            told = Credential(
                account=state.account,
                kind="plain",
                scheme="oscar-password-change",
                secret=decode(values[tag]),
            )
            out.append(told)
    if 0x11 in values:
        out.append(Profile(account=state.account, text=f"email: {decode(values[0x11])}"))


def account_info(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """07/03: what the service knows of the account, asked for: the mail address."""
    reader.skip(2)
    if address := decode(wire.counted_tlvs(reader).get(0x11, b"")):
        out.append(Profile(account=state.account, text=f"email: {address}"))


def find_by_email(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """0a/02: the owner of a mail address is looked for."""
    out.append(Search(text=decode(reader.rest()), account=state.account))


def found_by_email(_state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """0a/03: these accounts (one TLV a name, so all of them count)."""
    for _ in range(ENTRIES):
        if not reader:
            return
        reader.skip(2)
        out.append(SearchHit(owner=decode(wire.text16(reader))))


def search(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """0f/02: people with such an entry in the directory are looked for."""
    if text := _fields(wire.tlvs(reader)):
        out.append(Search(text=text, account=state.account))


def found(_state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """0f/03: these are: 2 u16, count u16, and of each TLVs behind their count."""
    reader.skip(4)
    for _ in range(min(reader.u16() if reader else 0, ENTRIES)):
        values = wire.counted_tlvs(reader)
        if account := decode(values.get(0x09, b"")):
            out.append(SearchHit(owner=account))
            _entry(account, values, out)


SNACS = {
    (0x02, 0x04): set_info,
    (0x02, 0x05): ask_info,
    (0x02, 0x06): info,
    (0x02, 0x09): set_directory,
    (0x02, 0x0B): ask_directory,
    (0x02, 0x0C): directory,
    (0x02, 0x15): ask_info,
    (0x03, 0x04): add,
    (0x03, 0x05): remove,
    (0x03, 0x0B): arrived,
    (0x03, 0x0C): departed,
    (0x07, 0x03): account_info,
    (0x07, 0x04): change_account,
    (0x09, 0x05): add,
    (0x09, 0x06): remove,
    (0x09, 0x07): add,
    (0x09, 0x08): remove,
    (0x0A, 0x02): find_by_email,
    (0x0A, 0x03): found_by_email,
    (0x0F, 0x02): search,
    (0x0F, 0x03): found,
}
