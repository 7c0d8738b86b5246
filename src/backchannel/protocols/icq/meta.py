"""META: what people tell of themselves and ask of others, and searches (versions 3 to 5).

    client   what about u16 | ...
    server   what about u16 | result u8 | ...

An answer does not repeat whom it is about: the question, of the same second sequence number, does.
"""

from collections.abc import Callable, Iterator

from backchannel.events import Profile, Search
from backchannel.protocols import Output
from backchannel.protocols.icq import people, profiles
from backchannel.protocols.icq.content import words
from backchannel.protocols.icq.names import SUCCESS, Answer, Meta
from backchannel.protocols.icq.state import State
from backchannel.protocols.icq.wire import Packet, string
from backchannel.reader import Reader, WireError


def request(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """META of a client."""
    about, account = reader.u16le(), str(packet.uin)
    if about == Meta.SET_PASSWORD:
        yield from people.change_password(state, packet, reader)
    elif about in _ASKED:
        yield from people.asked(state, packet, reader)
    elif about in {Meta.SEARCH_UIN, Meta.SEARCH_UIN_2}:
        yield Search(text=str(reader.u32le()), account=account)
    elif about in {Meta.SEARCH_WHITE, Meta.SEARCH_WHITE_2}:
        yield Search(text=profiles.told(profiles.white_pages(reader)), account=account)
    elif strings := _SEARCH_STRINGS.get(about):
        wanted = " ".join(filter(None, (words(string(reader)) for _ in range(strings))))
        yield Search(text=wanted, account=account)
    elif tell := _SET.get(about):
        yield from tell(account, reader)


def answer(state: State, packet: Packet, reader: Reader) -> Iterator[Output]:
    """META of a server."""
    about = reader.u16le()
    if reader.u8() != SUCCESS:
        return
    account = state.asked.get(packet.sequence2, "")
    if about in _FOUND:
        yield from _found(reader)
    elif account and (tell := _TOLD.get(about)):
        yield from tell(account, reader)


def _general(account: str, reader: Reader) -> Iterator[Output]:
    nickname, *names = [words(string(reader)) for _ in range(4)]
    try:
        rest = profiles.told(profiles.general(reader))
    except WireError:
        rest = ""
    about = " ".join(filter(None, names))
    if nickname or about or rest:
        yield Profile(
            account=account, nickname=nickname, text=", ".join(filter(None, (about, rest)))
        )


def _about(account: str, reader: Reader) -> Iterator[Output]:
    if said := words(string(reader)):
        yield Profile(account=account, text=said)


def _block(read: Callable[[Reader], profiles.Fields]) -> "Teller":
    def tell(account: str, reader: Reader) -> Iterator[Output]:
        if said := profiles.told(read(reader)):
            yield Profile(account=account, text=said)

    return tell


def _found(reader: Reader) -> Iterator[Output]:
    """Somebody was found. Some servers put a length u16 before the UIN (Wireshark packet-icq.c)."""
    start = reader.offset
    for skip in (0, 2):
        reader.offset = start
        reader.skip(skip)
        try:
            told = list(people.named(str(reader.u32le()), reader))
        except WireError:
            continue
        yield from told
        return


Teller = Callable[[str, Reader], Iterator[Output]]
_WORK, _MORE = _block(profiles.work), _block(profiles.more)
_INTERESTS, _AFFILIATIONS = _block(profiles.interests), _block(profiles.affiliations)
_PAGE = _block(profiles.page)
_SET: dict[int, Teller] = {
    Meta.SET_BASIC: _general,
    Meta.SET_BASIC_2: _general,
    Meta.SET_WORK: _WORK,
    Meta.SET_WORK_2: _WORK,
    Meta.SET_MORE: _MORE,
    Meta.SET_MORE_2: _MORE,
    Meta.SET_ABOUT: _about,
    Meta.SET_INTERESTS: _INTERESTS,
    Meta.SET_AFFILIATIONS: _AFFILIATIONS,
    Meta.SET_PAGE: _PAGE,
}
_TOLD: dict[int, Teller] = {
    Answer.GENERAL: _general,
    Answer.WORK: _WORK,
    Answer.MORE: _MORE,
    Answer.ABOUT: _about,
    Answer.INTERESTS: _INTERESTS,
    Answer.AFFILIATIONS: _AFFILIATIONS,
    Answer.SHORT: people.named,
    Answer.PAGE: _PAGE,
}
_FOUND = {Answer.FOUND, Answer.LAST_FOUND, Answer.WHITE_FOUND, Answer.LAST_WHITE_FOUND}
_ASKED = {Meta.FULL_INFO, Meta.FULL_INFO_2, Meta.SHORT_INFO, Meta.LOGIN_INFO, Meta.LOGIN_INFO_2}
_SEARCH_STRINGS: dict[int, int] = {
    Meta.SEARCH_NAME: 3,
    Meta.SEARCH_NAME_2: 3,
    Meta.SEARCH_MAIL: 1,
    Meta.SEARCH_MAIL_2: 1,
}
