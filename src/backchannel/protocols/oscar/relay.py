"""ICQ's own message format in a rendezvous: capability 09461349, TLV 2711, all little-endian.

    length u16 = 1b | version u16 | plugin GUID 16 | ... | counter u16
    length u16 = 0e | counter u16 | zeros
    type u8 | flags u8 | status u16 | priority u16 | text with u16 length | more, by type

Sources: iserverd snac_04_06_ch2, snac_04_0b_ch2, message, plugins; libpurple family_icbm.c;
licq packet-srv.cpp (file requests); Miranda NG IcqOscarJ icq_filerequests.cpp.
"""

from collections.abc import Iterator

from backchannel.events import PeerAddress
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.oscar import direct, icq, wire
from backchannel.protocols.oscar.letter import Letter
from backchannel.protocols.oscar.state import State
from backchannel.reader import Reader
from backchannel.text import decode

DETAIL = 0x2711
UTF8 = b"{0946134E-4C7F-11D1-8222-444553540000}"
NO_PLUGIN = bytes(16)
ACCEPTED = 0
_ASKED = {icq.FILE: direct.FILE, icq.CHAT: direct.CHAT}


def relayed(state: State, letter: Letter, inner: dict[int, bytes]) -> Iterator[Output]:
    """A message by way of the service; it may disclose where its sender can be reached."""
    state.service = "icq" if not state.account else state.service
    yield from _addresses(state, letter, inner)
    reader = Reader(inner.get(DETAIL, b""))
    if _headers(reader):
        yield from _message(letter, reader)


def accepted(state: State, letter: Letter, inner: dict[int, bytes]) -> Iterator[Output]:
    """The answer to such a message, in a rendezvous of its own."""
    yield from _addresses(state, letter, inner)
    yield from acknowledged(state, letter, Reader(inner.get(DETAIL, b"")))


def _addresses(state: State, letter: Letter, inner: dict[int, bytes]) -> Iterator[Output]:
    for tag, how in ((3, "relayed message"), (4, "relayed message, verified")):
        if address := wire.ipv4(inner.get(tag, b"")):
            port = wire.u16_of(inner, 5)
            yield PeerAddress(
                account=letter.sender, address=address, port=port, how=how, use=Capability.MESSAGE
            )
            yield from direct.waits(state, address, port, letter.sender)


def _headers(reader: Reader) -> bool:
    """Consume both headers; False where a plugin's data follows, not a message."""
    first = reader.sub(reader.u16le())
    first.skip(2)
    plain = first.take(16) == NO_PLUGIN
    reader.skip(reader.u16le())
    return plain


def _message(letter: Letter, reader: Reader) -> Iterator[Output]:
    kind = reader.u8()
    reader.skip(5)
    text = wire.text_le(reader)
    if kind == icq.PLUGIN:
        yield from icq.plugin(letter, reader)
    elif kind == icq.FILE:
        reader.skip(4)
        yield icq.file_offer(letter, text, wire.text_le(reader), reader.u32le())
    else:
        yield from icq.message(letter, kind, text, utf8=UTF8 in reader.rest())


def acknowledged(state: State, letter: Letter, reader: Reader) -> Iterator[Output]:
    """The answer to such a message: a status text, or whether a file or a chat is wanted."""
    if not _headers(reader):
        return
    kind = reader.u8()
    reader.skip(1)
    status = reader.u16le()
    reader.skip(2)
    text = wire.text_le(reader)
    if kind == icq.PLUGIN:
        yield from _plugin_answer(state, letter, status, reader)
    elif kind in _ASKED:
        yield from _answer(state, letter, kind, status, reader)
    elif kind in icq.AUTO:
        yield from icq.message(letter, kind, text)


def _answer(
    state: State, letter: Letter, kind: int, status: int, reader: Reader
) -> Iterator[Output]:
    """For a file: port u16, u16, name, size, port. For a chat: names, port u16, u16, port."""
    accepted, port = status == ACCEPTED, 0
    if accepted:
        if kind == icq.CHAT:
            wire.text_le(reader)
        port = reader.u16()
    yield from direct.answered(state, letter, _ASKED[kind], accepted=accepted, port=port)


def _plugin_answer(state: State, letter: Letter, status: int, reader: Reader) -> Iterator[Output]:
    """Beside files and chats, only status texts tell something new in an answer."""
    kind, text, more = icq.plugin_parts(reader)
    if kind == icq.FILE:
        yield from _answer(state, letter, kind, status, more)
    elif kind == icq.CHAT:
        accepted = status == ACCEPTED
        yield from direct.answered(state, letter, direct.CHAT, accepted=accepted, port=0)
    elif kind == icq.EXTENDED:
        yield from icq.extended_status(letter, decode(text))
    elif kind in icq.AUTO:
        yield from icq.message(letter, kind, text)
