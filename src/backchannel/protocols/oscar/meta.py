"""ICQ's own server behind OSCAR's: SNAC family 0x15, TLV 1, little-endian.

    length u16 | owner u32 | type u16 | sequence u16 | for types 07d0 and 07da: subtype u16 | ...

Stored messages, short messages, directory searches, and what the directory knows of people.
Sources: iserverd snac_15_* (one page a subtype); libpurple family_icq.c.
"""

from collections.abc import Callable, Iterator

from backchannel.events import Credential, Profile, Search, SearchHit
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.icq import profiles
from backchannel.protocols.oscar import icq, wire
from backchannel.protocols.oscar.letter import Letter
from backchannel.protocols.oscar.state import State, remember
from backchannel.protocols.oscar.wire import Snac
from backchannel.reader import Reader
from backchannel.text import decode

REQUEST, RESPONSE, STORED = 0x07D0, 0x07DA, 0x0041
SUCCESS = 0x0A

_BASIC = (
    "nickname",
    "first name",
    "last name",
    "email",
    "city",
    "state",
    "phone",
    "fax",
    "street",
    "mobile",
    "zip",
)
_WORK = ("work city", "work state", "work phone", "work fax", "work street", "work zip")
_EMPLOYER = ("company", "department", "position")
_FOUND = ("nickname", "first name", "last name", "email")
_NAMES = ("first name", "last name", "nickname")
_TLV_WORDS = {
    0x0140: "first name",
    0x014A: "last name",
    0x0154: "nickname",
    0x015E: "email",
    0x0190: "city",
    0x019A: "state",
    0x01AE: "company",
    0x01B8: "department",
    0x01C2: "position",
    0x0226: "keywords",
    0x0258: "about",
    0x0276: "phone",
    0x028A: "mobile",
}


def request(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """15/02: the client asks ICQ's server."""
    body = _body(reader)
    owner, kind, number = body.u32le(), body.u16le(), body.u16le()
    out += state.learn(str(owner) if not state.account and owner else "")
    if kind == REQUEST and (ask := REQUESTS.get(body.u16le())):
        out += ask(state, body, number)


def response(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """15/03: it answers."""
    body = _body(reader)
    owner, kind, number = body.u32le(), body.u16le(), body.u16le()
    out += state.learn(str(owner) if not state.account and owner else "")
    if kind == STORED:
        out += _stored(state, body)
    elif kind == RESPONSE:
        subtype, result = body.u16le(), body.u8()
        tell = RESPONSES.get(subtype)
        if tell and result == SUCCESS:
            out += tell(state, body, number)


def _body(reader: Reader) -> Reader:
    body = Reader(wire.tlvs(reader).get(1, b""))
    return body.sub(min(body.u16le(), len(body)))


def _stored(state: State, body: Reader) -> Iterator[Output]:
    """A message that waited for the client: sender, date, type, flags, text."""
    letter = Letter(b"", str(body.u32le()), state.account, Side.SERVER)
    body.skip(6)
    kind = body.u8()
    body.skip(1)
    yield from icq.message(letter, kind, wire.text_le(body), stored=True)


def _words(body: Reader, names: tuple[str, ...]) -> dict[str, str]:
    return {name: decode(wire.text_le(body), "utf-8", "cp1252") for name in names}


def _profile(account: str, values: dict[str, str]) -> Iterator[Output]:
    nickname = values.pop("nickname", "")
    text = profiles.told(values)
    if nickname or text:
        yield Profile(account=account, nickname=nickname, text=text)


# -- requests ----------------------------------------------------------------------------------


def _whose_info(state: State, body: Reader, number: int) -> Iterator[Output]:
    """Information on a number is asked for: the answers do not repeat it."""
    remember(state.meta, number, str(body.u32le()))
    yield from ()


def _set_basic(state: State, body: Reader, _number: int) -> Iterator[Output]:
    yield from _profile(state.account, _words(body, _BASIC))


def _set_notes(state: State, body: Reader, _number: int) -> Iterator[Output]:
    yield from _profile(state.account, _words(body, ("about",)))


def _set_by_tlv(state: State, body: Reader, _number: int) -> Iterator[Output]:
    yield from _profile(state.account, _tlv_words(body))


def _set_password(state: State, body: Reader, _number: int) -> Iterator[Output]:
    yield Credential(
        account=state.account,
        kind="plain",
        scheme="icq-password-change",
        secret=decode(wire.text_le(body), "utf-8", "cp1252"),
    )


def _search_words(state: State, body: Reader, _number: int) -> Iterator[Output]:
    yield from _search(state, profiles.told(_words(body, _NAMES)))


def _search_pages(state: State, body: Reader, _number: int) -> Iterator[Output]:
    """In the white pages; of their two dozen fields the first four."""
    yield from _search(state, profiles.told(_words(body, (*_NAMES, "email"))))


def _search_email(state: State, body: Reader, _number: int) -> Iterator[Output]:
    yield from _search(state, profiles.told(_words(body, ("email",))))


def _search_uin(state: State, body: Reader, _number: int) -> Iterator[Output]:
    yield from _search(state, f"uin: {body.u32le()}")


def _search_by_tlv(state: State, body: Reader, _number: int) -> Iterator[Output]:
    yield from _search(state, profiles.told(_tlv_words(body)))


def _search(state: State, text: str) -> Iterator[Output]:
    if text:
        yield Search(text=text, account=state.account)


def _tlv_words(body: Reader) -> dict[str, str]:
    values = wire.tlvs_le(body)
    told = {"uin": str(int.from_bytes(values[0x0136][:4], "little"))} if 0x0136 in values else {}
    for tag, name in _TLV_WORDS.items():
        if len(values.get(tag, b"")) > 2:
            told[name] = decode(wire.text_le(Reader(values[tag])), "utf-8", "cp1252")
    return told


def _send_sms(state: State, body: Reader, _number: int) -> Iterator[Output]:
    body.skip(22)
    number, text = icq.sms(decode(wire.text16(body)))
    letter = Letter(b"", state.account, number, Side.CLIENT)
    yield letter.message(text, kind="sms")


# -- responses ---------------------------------------------------------------------------------


def _basic(state: State, body: Reader, number: int) -> Iterator[Output]:
    yield from _profile(state.meta.get(number, ""), _words(body, _BASIC))


def _short(state: State, body: Reader, number: int) -> Iterator[Output]:
    yield from _profile(state.meta.get(number, ""), _words(body, _FOUND))


def _work(state: State, body: Reader, number: int) -> Iterator[Output]:
    values = _words(body, _WORK)
    body.skip(2)
    values |= _words(body, _EMPLOYER)
    body.skip(2)
    yield from _profile(state.meta.get(number, ""), values | _words(body, ("work page",)))


def _more(state: State, body: Reader, number: int) -> Iterator[Output]:
    yield from _profile(state.meta.get(number, ""), profiles.more(body))


def _interests(state: State, body: Reader, number: int) -> Iterator[Output]:
    yield from _profile(state.meta.get(number, ""), profiles.interests(body))


def _affiliations(state: State, body: Reader, number: int) -> Iterator[Output]:
    yield from _profile(state.meta.get(number, ""), profiles.affiliations(body))


def _notes(state: State, body: Reader, number: int) -> Iterator[Output]:
    yield from _profile(state.meta.get(number, ""), _words(body, ("about",)))


def _emails(state: State, body: Reader, number: int) -> Iterator[Output]:
    found = list[str]()
    for _ in range(min(body.u8(), 32)):
        body.skip(1)
        found.append(decode(wire.text_le(body)))
    yield from _profile(state.meta.get(number, ""), {"email": ", ".join(filter(None, found))})


def _found(_state: State, body: Reader, _number: int) -> Iterator[Output]:
    """One hit of a search."""
    body.skip(2)
    if uin := body.u32le():
        yield SearchHit(owner=str(uin))
        yield from _profile(str(uin), _words(body, _FOUND))


Handler = Callable[[State, Reader, int], Iterator[Output]]
REQUESTS: dict[int, Handler] = {
    0x03EA: _set_basic,
    0x0406: _set_notes,
    0x042E: _set_password,
    0x04B2: _whose_info,
    0x04BA: _whose_info,
    0x04D0: _whose_info,
    0x0515: _search_words,
    0x051F: _search_uin,
    0x0529: _search_email,
    0x0533: _search_pages,
    0x053D: _search_words,
    0x0547: _search_email,
    0x0551: _search_pages,
    0x055F: _search_by_tlv,
    0x0569: _search_by_tlv,
    0x0573: _search_by_tlv,
    0x0C3A: _set_by_tlv,
    0x1482: _send_sms,
}
RESPONSES: dict[int, Handler] = {
    0x00C8: _basic,
    0x00D2: _work,
    0x00DC: _more,
    0x00E6: _notes,
    0x00EB: _emails,
    0x00F0: _interests,
    0x00FA: _affiliations,
    0x0104: _short,
    0x019A: _found,
    0x01A4: _found,
    0x01AE: _found,
}
SNACS = {(0x15, 0x02): request, (0x15, 0x03): response}
