"""Proposals to meet: ICBM channel 2, where clients disclose their addresses to each other.

    TLV 5:   status u16 (0 propose, 1 cancel, 2 accept) | cookie 8 | capability 16 | TLVs
    inner:   2 address to use | 3 the client's own idea of its address | 4 the service's idea
             5 port | 0a number of the proposal | 0b reason | 0c text | 0d charset
             10 through the proxy | 18 more addresses | 2711 what is proposed

With 10 set, TLV 2 is the proxy's address and TLV 5 the number under which the proxy keeps the
meeting, not a port. A proposal numbered above 1 changes the place of one already made.
Sources: "On Sending Files via OSCAR" (J. Clark, 2005); libpurple family_icbm.c, peer.c; joscar
rvcmd; open-oscar-server wire/snacs.go (ICBMRdvTLVTags).
"""

from collections.abc import Callable
from ipaddress import ip_address

from backchannel.effects import Expect
from backchannel.events import (
    Anomaly,
    Contact,
    Contacts,
    Offer,
    OfferAnswer,
    PeerAddress,
    Room,
)
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.oscar import art, charsets, direct, names, relay, wire
from backchannel.protocols.oscar.contexts import Meeting
from backchannel.protocols.oscar.letter import Letter
from backchannel.protocols.oscar.markup import readable
from backchannel.protocols.oscar.rooms import room_name
from backchannel.protocols.oscar.state import State
from backchannel.protocols.oscar.wire import same
from backchannel.reader import Reader
from backchannel.text import decode

PROPOSE, CANCEL, ACCEPT = 0, 1, 2
USE, OWN, VERIFIED, PORT, NUMBER, REASON, TEXT, CHARSET = 2, 3, 4, 5, 0x0A, 0x0B, 0x0C, 0x0D
PROXY, MORE_ADDRESSES, DETAIL = 0x10, 0x18, 0x2711
GAME_LIMIT = 1024
"""Bytes of an honest game request. CVE-2002-0005 needed several thousand."""
ADDRESSES = 16
"""Most addresses taken from one proposal."""

USES = {
    "send file": Capability.FILE_TRANSFER,
    "get file": Capability.FILE_SHARING,
    "direct im": Capability.IMAGE,
    "talk": Capability.VOICE_VIDEO,
    "video": Capability.VOICE_VIDEO,
    "live video": Capability.VOICE_VIDEO,
    "live audio": Capability.VOICE_VIDEO,
    "camera": Capability.VOICE_VIDEO,
    "ichat av": Capability.VOICE_VIDEO,
    "game": Capability.GAME,
    "direct play": Capability.GAME,
    "add-in": Capability.GAME,
    "screen sharing": Capability.APP_SHARING,
    "icq direct": Capability.MESSAGE,
    "trillian secure im": Capability.MESSAGE,
}
_TOLD = (OWN, "rendezvous"), (VERIFIED, "rendezvous, verified"), (USE, "rendezvous")
PROTOCOLS = {"send file": "oft", "get file": "oft", "direct im": "odc"}


def proposal(state: State, letter: Letter, values: dict[int, bytes], out: list[Output]) -> None:
    """Channel 2: propose, cancel or accept something."""
    reader = Reader(values.get(5, b""))
    status = reader.u16()
    letter = Letter(reader.take(8), letter.sender, letter.recipient, letter.side)
    word = names.CAPABILITIES.get(reader.take(16), "")
    inner = wire.tlvs(reader)
    if status == PROPOSE and word in _SPECIAL:
        _SPECIAL[word](state, letter, inner, out)
    elif status == PROPOSE and word in USES:
        _propose(state, letter, word, inner, out)
        if word == "icq direct":
            out += direct.reverse(state, letter, inner.get(DETAIL, b""))
    elif status == ACCEPT and word == "icq relay":
        out += relay.accepted(state, letter, inner)
    elif status in (CANCEL, ACCEPT) and word in USES:
        reason = wire.u16_of(inner, REASON)
        why = None if status == ACCEPT else names.CANCELS.get(reason, f"reason {reason}")
        _answer(state, letter, USES[word], why, out)


def _propose(
    state: State, letter: Letter, word: str, inner: dict[int, bytes], out: list[Output]
) -> None:
    number = wire.u16_of(inner, NUMBER, 1)
    proposer = _proposer(state, letter, word, number)
    if number == 1:
        out.append(_offer(letter, word, inner))
    elif not same(proposer, letter.sender):  # the other side wants to be the one that listens
        out.append(
            OfferAnswer(
                sender=letter.sender,
                recipient=letter.recipient,
                id=letter.id,
                accepted=True,
                reason="redirected",
                use=USES[word],
            )
        )
    out += _addresses(state, letter, word, proposer, inner)
    size = len(inner.get(DETAIL, b""))
    if size > GAME_LIMIT and USES[word] is Capability.GAME:
        detail = f"{size} bytes from {letter.sender}"
        out.append(Anomaly(kind="oversized-game-request", detail=detail))


def _proposer(state: State, letter: Letter, word: str, number: int) -> str:
    """Return who proposed first; where that was not seen, the proposal's number tells."""
    if number == 1 or letter.cookie not in state.offers:
        first = letter.recipient if number == 2 else letter.sender
        remember(state.offers, letter.cookie, (first, USES[word]))
    return state.offers[letter.cookie][0]


def _offer(letter: Letter, word: str, inner: dict[int, bytes]) -> Offer:
    name, size, count = _file(inner.get(DETAIL, b"")) if word == "send file" else ("", 0, 1)
    note = readable(charsets.by_name(inner.get(TEXT, b""), inner.get(CHARSET, b"")), escaped=True)
    return Offer(
        sender=letter.sender,
        recipient=letter.recipient,
        id=letter.id,
        name=name,
        size=size,
        count=count,
        detail=word,
        note=note[0],
        use=USES[word],
    )


def _file(detail: bytes) -> tuple[str, int, int]:
    """Return (name, bytes, files) from kind u16, files u16, bytes u32, name NUL."""
    if len(detail) < 8:
        return "", 0, 1
    name = decode(detail[8:].split(b"\0", 1)[0], "utf-8", "cp1252").replace("\x01", "/")
    return name, int.from_bytes(detail[4:8]), int.from_bytes(detail[2:4])


def _addresses(
    state: State, letter: Letter, word: str, proposer: str, inner: dict[int, bytes]
) -> list[Output]:
    out: list[Output] = []
    proxied, use = PROXY in inner, USES[word]
    places = _places(inner, proxied)
    for own, address, port, how in places:
        account = letter.sender if own else ""
        out.append(PeerAddress(account=account, address=address, port=port, how=how, use=use))
    if word not in PROTOCOLS:
        return out
    other = letter.recipient if same(proposer, letter.sender) else letter.sender
    sender, recipient = (other, proposer) if word == "get file" else (proposer, other)
    listener = "" if proxied else letter.sender
    meeting = Meeting(letter.id, use, sender, recipient, listener)
    accounts = tuple([name for name in (sender, recipient) if name])
    expected = set[tuple[str, int]]()
    for own, address, port, _ in places:
        if own is proxied or not (proxied or port) or (address, port) in expected:
            continue
        expected.add((address, port))
        out.append(
            Expect(
                protocol=PROTOCOLS[word],
                purpose=use,
                address=address,
                port=port,
                source=state.opener(letter.sender, address),
                accounts=accounts,
                context=meeting,
            )
        )
    return out


def _places(inner: dict[int, bytes], proxied: bool) -> list[tuple[bool, str, int, str]]:
    """Return (is it the sender's own, address, port, how), each once; of the proxy's address the
    port is not told.
    """
    found: dict[tuple[bool, str, int, str], None] = {}
    port = 0 if proxied else wire.u16_of(inner, PORT)
    first = wire.ipv4(inner.get(USE, b""))
    if proxied and first:
        found[False, first, 0, "rendezvous, proxy"] = None
    for tag, how in _TOLD:
        address = wire.ipv4(inner.get(tag, b""))
        if address and not (proxied and address == first):
            found[True, address, port, how] = None
    if more := inner.get(MORE_ADDRESSES):
        _more_places(Reader(more), found)
    return list(found)


def _more_places(reader: Reader, found: dict[tuple[bool, str, int, str], None]) -> None:
    """Read `address port` after `address port`, each with its length in one byte."""
    for _ in range(ADDRESSES):
        if not reader:
            return
        host, _, number = wire.name8(reader).partition(" ")
        if _is_address(host) and number.isascii() and number.isdigit() and len(number) < 6:
            found[True, host, int(number) & 0xFFFF, "rendezvous"] = None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _answer(
    state: State, letter: Letter, use: Capability, why: str | None, out: list[Output]
) -> None:
    """Tell that a proposal was accepted, or *why* not."""
    offer = state.offers.get(letter.cookie)
    own, accepted = offer is not None and same(offer[0], letter.sender), why is None
    if accepted and own:
        return  # the proposer confirms the connection; that is no answer
    out.append(
        OfferAnswer(
            sender=letter.sender,
            recipient=letter.recipient,
            id=letter.id,
            accepted=accepted,
            reason="withdrawn" if own else why or "",
            use=use,
        )
    )


def client_answer(state: State, letter: Letter, reader: Reader, out: list[Output]) -> None:
    """04/0b on channel 2: a refusal (TLV 3 alone), or one of ICQ's acknowledgements."""
    reason = reader.u16()
    if reason == 3 and len(reader) == direct.FAILED_SIZE:
        out.append(direct.failed(letter))
    elif reason == 3 and len(reader) > 4:
        out += relay.acknowledged(state, letter, reader)
    elif letter.cookie in state.offers:
        _answer(state, letter, state.offers[letter.cookie][1], names.CANCELS[1], out)


def _room(_state: State, letter: Letter, inner: dict[int, bytes], out: list[Output]) -> None:
    """Somebody invites somebody to a chat room."""
    reader = Reader(inner.get(DETAIL, b""))
    reader.skip(2)
    room = room_name(reader.take(reader.u8()))
    out.append(Room(room=room, action="invite", account=letter.sender, others=(letter.recipient,)))
    text = charsets.by_name(inner.get(TEXT, b""), inner.get(CHARSET, b""))
    if text:
        plain, markup = readable(text, escaped=True)
        out.append(letter.message(plain, kind="invitation", markup=markup))


def _icon(state: State, letter: Letter, inner: dict[int, bytes], out: list[Output]) -> None:
    """A buddy icon: 0 u16, checksum u16, size u32, stamp u32, picture, trailer."""
    reader = Reader(inner.get(DETAIL, b""))
    reader.skip(2)
    total, size = reader.u16(), reader.u32()
    reader.skip(4)
    data = reader.take(size)
    out += art.picture(
        state,
        data,
        sender=letter.sender,
        recipient=letter.recipient,
        id=letter.id,
        verified=art.icon_sum(data) == total,
    )


def _contacts(_state: State, letter: Letter, inner: dict[int, bytes], out: list[Output]) -> None:
    """Somebody sends their contact list: group name16, count u16, names16."""
    reader, entries = Reader(inner.get(DETAIL, b"")), list[Contact]()
    while reader and len(entries) < 5000:
        group = decode(wire.text16(reader))
        for _ in range(reader.u16()):
            entries.append(Contact(account=decode(wire.text16(reader)), group=group))
    out.append(Contacts(owner=letter.sender, entries=tuple(entries)))


def _relayed(state: State, letter: Letter, inner: dict[int, bytes], out: list[Output]) -> None:
    """One of ICQ's messages."""
    out += relay.relayed(state, letter, inner)


_SPECIAL: dict[str, Callable[[State, Letter, dict[int, bytes], list[Output]], None]] = {
    "chat": _room,
    "buddy icon": _icon,
    "send contacts": _contacts,
    "icq relay": _relayed,
}
