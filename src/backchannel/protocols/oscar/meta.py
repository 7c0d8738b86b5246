"""ICQ's own server behind OSCAR's: SNAC family 0x15, TLV 1, little-endian.

    length u16 | owner u32 | type u16 | sequence u16 | for types 07d0 and 07da: subtype u16 | ...

Stored messages, short messages, directory searches, and what the directory knows of people.
Sources: iserverd snac_15_* (A. Shutko's "OSCAR (ICQ v7/v8/v9) documentation", one page with a
dump a subtype); libpurple family_icq.c.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

from backchannel.events import Credential, Profile, Search, SearchHit
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.icq import profiles
from backchannel.protocols.oscar import icq, wire
from backchannel.protocols.oscar.letter import Letter
from backchannel.protocols.oscar.state import State
from backchannel.protocols.oscar.wire import Snac
from backchannel.reader import Reader, WireError
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
_FOUND = ("nickname", "first name", "last name", "email")
_NAMES = ("first name", "last name", "nickname")

Block = Callable[[Reader], profiles.Fields]
Value = Callable[[Reader], str]


def _uin(reader: Reader) -> str:
    return str(reader.u32le())


def _zip(reader: Reader) -> str:
    number = reader.u32le()
    return str(number) if number else ""


def _born(reader: Reader) -> str:
    return profiles.born(reader.u16le(), reader.u16le(), reader.u16le())


_TLVS: dict[int, tuple[str, Value]] = {
    0x0136: ("uin", _uin),
    0x0140: ("first name", profiles.words),
    0x014A: ("last name", profiles.words),
    0x0154: ("nickname", profiles.words),
    0x015E: ("email", profiles.words),
    0x0168: ("age", profiles.ages),
    0x0172: ("age", profiles.age),
    0x017C: ("sex", profiles.sex),
    0x0190: ("city", profiles.words),
    0x019A: ("state", profiles.words),
    0x01AE: ("company", profiles.words),
    0x01B8: ("department", profiles.words),
    0x01C2: ("position", profiles.words),
    0x01D6: ("past", profiles.keywords),
    0x01EA: ("interests", profiles.keywords),
    0x01FE: ("groups", profiles.keywords),
    0x0212: ("home page words", profiles.keywords),
    0x0213: ("home page", profiles.keywords),
    0x0226: ("keywords", profiles.words),
    0x023A: ("born", _born),
    0x0258: ("about", profiles.words),
    0x0262: ("street", profiles.words),
    0x026C: ("zip", _zip),
    0x026D: ("zip", profiles.words),
    0x0276: ("phone", profiles.words),
    0x0280: ("fax", profiles.words),
    0x028A: ("mobile", profiles.words),
    0x0294: ("work street", profiles.words),
    0x029E: ("work city", profiles.words),
    0x02A8: ("work state", profiles.words),
    0x02BC: ("work zip", _zip),
    0x02BD: ("work zip", profiles.words),
    0x02C6: ("work phone", profiles.words),
    0x02D0: ("work fax", profiles.words),
    0x02DA: ("work page", profiles.words),
    0x0320: ("from city", profiles.words),
    0x032A: ("from state", profiles.words),
}
"""What TLVs of requests say, and how it is read. Some come several times, with one value each."""


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


def _words(*names: str) -> Block:
    """Strings one after another."""
    return lambda body: {name: profiles.words(body) for name in names}


def _by_uin(body: Reader) -> profiles.Fields:
    return {"uin": _uin(body)}


def _by_tlv(body: Reader) -> profiles.Fields:
    """Little-endian TLVs; an empty or cut one says nothing."""
    found = dict[str, list[str]]()
    while body:
        tag, value = body.u16le(), body.sub(body.u16le())
        if tag not in _TLVS:
            continue
        name, read = _TLVS[tag]
        with suppress(WireError):
            found.setdefault(name, []).append(read(value))
    return {name: "; ".join(filter(None, values)) for name, values in found.items()}


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


def _own(read: Block) -> "Handler":
    """The client's user says something of itself."""

    def tell(state: State, body: Reader, _number: int) -> Iterator[Output]:
        yield from _profile(state.account, read(body))

    return tell


def _set_password(state: State, body: Reader, _number: int) -> Iterator[Output]:
    yield Credential(
        account=state.account,
        kind="plain",
        scheme="icq-password-change",
        secret=decode(wire.text_le(body), "utf-8", "cp1252"),
    )


def _wanted(read: Block) -> "Handler":
    """The client looks for people."""

    def tell(state: State, body: Reader, _number: int) -> Iterator[Output]:
        if text := profiles.told(read(body)):
            yield Search(text=text, account=state.account)

    return tell


def _send_sms(state: State, body: Reader, _number: int) -> Iterator[Output]:
    body.skip(22)
    number, text = icq.sms(decode(wire.text16(body)))
    letter = Letter(b"", state.account, number, Side.CLIENT)
    yield letter.message(text, kind="sms")


# -- responses ---------------------------------------------------------------------------------


def _asked(read: Block) -> "Handler":
    """Somebody is told of whom the client asked for."""

    def tell(state: State, body: Reader, number: int) -> Iterator[Output]:
        yield from _profile(state.meta.get(number, ""), read(body))

    return tell


def _found(_state: State, body: Reader, _number: int) -> Iterator[Output]:
    """One hit of a search."""
    body.skip(2)
    if uin := body.u32le():
        yield SearchHit(owner=str(uin))
        yield from _profile(str(uin), _words(*_FOUND)(body))


def _at_random(_state: State, body: Reader, _number: int) -> Iterator[Output]:
    """Somebody who wants to be talked to."""
    if uin := body.u32le():
        yield SearchHit(owner=str(uin))


Handler = Callable[[State, Reader, int], Iterator[Output]]
REQUESTS: dict[int, Handler] = {
    0x03EA: _own(_words(*_BASIC)),
    0x03F3: _own(profiles.work),
    0x03FD: _own(profiles.more),
    0x0406: _own(_words("about")),
    0x040B: _own(profiles.mail),
    0x0410: _own(profiles.interests),
    0x041A: _own(profiles.affiliations),
    0x042E: _set_password,
    0x0442: _own(profiles.page),
    0x04B2: _whose_info,
    0x04BA: _whose_info,
    0x04D0: _whose_info,
    0x0515: _wanted(_words(*_NAMES)),
    0x051F: _wanted(_by_uin),
    0x0529: _wanted(_words("email")),
    0x0533: _wanted(profiles.white_pages),
    0x053D: _wanted(_words(*_NAMES)),
    0x0547: _wanted(_words("email")),
    0x0551: _wanted(profiles.white_pages),
    0x055F: _wanted(_by_tlv),
    0x0569: _wanted(_by_tlv),
    0x0573: _wanted(_by_tlv),
    0x0C3A: _own(_by_tlv),
    0x1482: _send_sms,
}
RESPONSES: dict[int, Handler] = {
    0x00C8: _asked(_words(*_BASIC)),
    0x00D2: _asked(profiles.work),
    0x00DC: _asked(profiles.more),
    0x00E6: _asked(_words("about")),
    0x00EB: _asked(profiles.mail),
    0x00F0: _asked(profiles.interests),
    0x00FA: _asked(profiles.affiliations),
    0x0104: _asked(_words(*_FOUND)),
    0x010E: _asked(profiles.page),
    0x019A: _found,
    0x01A4: _found,
    0x01AE: _found,
    0x0366: _at_random,
}
SNACS = {(0x15, 0x02): request, (0x15, 0x03): response}
