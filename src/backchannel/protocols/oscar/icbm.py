"""Messages between clients by way of the service: SNAC family 0x04.

    to host     cookie 8 | channel u16 | recipient name8 | TLVs
    to client   cookie 8 | channel u16 | user info of the sender | TLVs

Channel 1 carries text, 2 proposals to meet (`rendezvous`), 4 ICQ's old messages (`icq`).
Sources: iserverd snac_04_*; libpurple family_icbm.c; open-oscar-server wire/snacs.go; joscar
snaccmd/icbm/AbstractImIcbm (encrypted text).
"""

import re

from backchannel.events import Anomaly, Typing, Warned
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.oscar import charsets, icq, people, rendezvous, wire
from backchannel.protocols.oscar.events import RequestFailed
from backchannel.protocols.oscar.letter import Letter
from backchannel.protocols.oscar.markup import readable
from backchannel.protocols.oscar.state import State
from backchannel.protocols.oscar.wire import Snac
from backchannel.reader import Reader, WireError

TEXTS, RENDEZVOUS, OLD_MESSAGES = 1, 2, 4
"""Channels; the first is that of nearly all messages."""
MESSAGE, AUTO_RESPONSE, DATA, STORED = 2, 4, 5, 6
FEATURES, TEXT, ENCRYPTED = 5, 1, 0x0D
TYPING_BEGUN = 2

_MISSED = (
    "invalid",
    "too large",
    "sent too fast",
    "sender warned too often",
    "you warned too often",
)
LONG = 512
_SEALED = later(r"application/pkcs7-mime|[\x00-\x08]")
"""What no words hold: CMS (RFC 5652), behind its MIME headers or bare."""
_AIM_LINK = later(rf"aim:(addgame|addexternalapp|goaway)\?[^\s\"'<>]{{{LONG}}}", re.IGNORECASE)
"""What overran AIM for Windows in 2002 and 2004: CVE-2002-0005, CVE-2002-0362, CVE-2004-0636."""


def to_host(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """04/06: the client sends something."""
    cookie, channel, recipient = reader.take(8), reader.u16(), wire.name8(reader)
    remember(state.about, snac.request, recipient)
    _channel(state, channel, Letter(cookie, state.account, recipient, snac.side), reader, out)


def to_client(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """04/07: the client receives something."""
    cookie, channel, sender = reader.take(8), reader.u16(), wire.user_info(reader)
    people.addresses(state, sender, "message", out)
    _channel(state, channel, Letter(cookie, sender.name, state.account, snac.side), reader, out)


def _channel(state: State, channel: int, letter: Letter, reader: Reader, out: list[Output]) -> None:
    state.meet(letter.recipient if letter.side is wire.CLIENT else letter.sender)
    if channel == TEXTS:
        text(state, letter, wire.tlvs(reader), out)
    elif channel == RENDEZVOUS:
        rendezvous.proposal(state, letter, wire.tlvs(reader), out)
    elif channel == OLD_MESSAGES:
        out += icq.old_message(state, letter, wire.tlvs(reader))


def text(state: State, letter: Letter, values: dict[int, bytes], out: list[Output]) -> None:
    """Channel 1: text, possibly in several parts of different character sets."""
    if MESSAGE not in values:
        return
    parts: list[str] = []
    sealed, broken = _parts(Reader(values[MESSAGE]), parts)
    if broken is None or parts:  # what came before a break is kept
        _words(state, letter, values, parts, sealed, out)
    if broken is not None:
        raise broken


def _words(  # noqa: PLR0917 - one message
    state: State,
    letter: Letter,
    values: dict[int, bytes],
    parts: list[str],
    sealed: bool,
    out: list[Output],
) -> None:
    """Tell the words of a message, unless they are said to be encrypted and look so."""
    sent = parts[0] if len(parts) == 1 else "".join(parts)
    if sealed and (not sent or _SEALED.search(sent)):  # AIM 5.2 and later, with certificates
        out.append(letter.message("", kind="encrypted"))
    else:  # others show plain words although they are said to be encrypted
        _text(state, letter, values, sent, out)


def _text(
    state: State, letter: Letter, values: dict[int, bytes], sent: str, out: list[Output]
) -> None:
    plain, markup = readable(sent, escaped=state.service == "aim")
    kind = "auto-response" if AUTO_RESPONSE in values else "text"
    if STORED in values and letter.side is wire.SERVER:
        kind = "offline"
    out.append(letter.message(plain, kind=kind, markup=markup))
    if len(sent) > LONG and (link := _AIM_LINK.search(sent)):
        detail = f"{link[1].lower()} from {letter.sender or 'unknown'}"
        out.append(Anomaly(kind="oversized-aim-link", detail=detail))


def _parts(reader: Reader, parts: list[str]) -> tuple[bool, WireError | None]:
    """Read fragments: id u8, version u8, length u16, and for text charset u16, subset u16. Put
    those of text into *parts*; return whether one says that they are encrypted, and where it broke.
    """
    sealed = False
    try:
        while reader:
            kind = reader.u8()
            reader.skip(1)
            sealed = sealed or kind == ENCRYPTED
            part = reader.sub(reader.u16())
            if kind == TEXT:
                charset = part.u16()
                part.skip(2)
                parts.append(charsets.by_number(part.rest(), charset))
    except WireError as error:
        return sealed, error
    return sealed, None


def typing(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """04/14: somebody begins to type, has typed, or has stopped."""
    reader.skip(10)
    name, active = wire.name8(reader), reader.u16() == TYPING_BEGUN
    ours = snac.side is wire.CLIENT
    sender, recipient = (state.account, name) if ours else (name, state.account)
    out.append(Typing(sender=sender, recipient=recipient, active=active))


def warn(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """04/08: the client's user complains about somebody, perhaps anonymously."""
    reader.skip(2)
    name = wire.name8(reader)
    remember(state.about, snac.request, name)
    out.append(Warned(account=name, by=state.account))


def warn_answer(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """04/09: how much that raised the warning level, and to what."""
    reader.skip(2)
    level, account = reader.u16() // 10, state.about.pop(snac.request, "")
    out.append(Warned(account=account, level=level, by=state.account))


def missed(_state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """04/0a: messages that the service did not deliver to the client."""
    for _ in range(100):
        if not reader:
            return
        reader.skip(2)
        sender, count, code = wire.user_info(reader).name, reader.u16(), reader.u16()
        why = _MISSED[code] if code < len(_MISSED) else f"reason {code}"
        reason = f"{count} missed: {why}"
        out.append(RequestFailed(service="messaging", code=code, reason=reason, about=sender))


def client_answer(state: State, reader: Reader, snac: Snac, out: list[Output]) -> None:
    """04/0b: a client answers what another sent: refuses it, or acknowledges with data."""
    cookie, channel, name = reader.take(8), reader.u16(), wire.name8(reader)
    ours = snac.side is wire.CLIENT
    sender, recipient = (state.account, name) if ours else (name, state.account)
    letter = Letter(cookie, sender, recipient, snac.side)
    if channel == RENDEZVOUS:
        rendezvous.client_answer(state, letter, reader, out)


SNACS = {
    (0x04, 0x06): to_host,
    (0x04, 0x07): to_client,
    (0x04, 0x08): warn,
    (0x04, 0x09): warn_answer,
    (0x04, 0x0A): missed,
    (0x04, 0x0B): client_answer,
    (0x04, 0x14): typing,
}
