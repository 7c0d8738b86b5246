"""What ICQ's messages say, wherever they travel: channel 4, channel 2, offline, SMS.

    channel 4, TLV 5:  sender u32le | type u8 | flags u8 | text with u16le length

Some types pack several fields into the text with the byte fe between them.
Sources: iserverd "Message types", "Plugins", snac_04_06_ch4, message; Miranda NG IcqOscarJ
icq_constants.h; libpurple family_icbm.c and icq.c;
open-oscar-server wire/snacs.go (ICBMMsgType).
"""

import re
from collections.abc import Iterator
from uuid import UUID

from backchannel.events import Contact, Contacts, Offer, Presence, Room
from backchannel.model import Capability
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.oscar import wire
from backchannel.protocols.oscar.letter import Letter
from backchannel.protocols.oscar.markup import readable
from backchannel.protocols.oscar.state import State
from backchannel.reader import Reader
from backchannel.text import decode

DATA = 5
PLAIN, CHAT, FILE, URL, ASK, DENY, GRANT, SYSTEM, ADDED = 1, 2, 3, 4, 6, 7, 8, 9, 0x0C
WEB_PAGER, MAIL_EXPRESS, CONTACTS, PLUGIN = 0x0D, 0x0E, 0x13, 0x1A
AUTO = {
    0xE8: "away",
    0xE9: "busy",
    0xEA: "not-available",
    0xEB: "do-not-disturb",
    0xEC: "free-for-chat",
}
"""Requests for, and answers with, the text that goes with a status."""
WANTED, SMS, EXTENDED = 0x100, 0x101, 0x102
"""Have no number of their own."""
_STATUS = UUID("bc181a81-6c0e-4718-a591-6f18dcc76f1a").bytes_le
_PLUGINS = {
    UUID(text).bytes_le: kind
    for text, kind in (
        ("05736bbe-c20f-4f10-a6de-4db1e3564b0e", PLAIN),
        ("d9122df0-9130-11d3-8dd7-00104b06462e", FILE),
        ("72581c37-87e9-11d4-a4c1-00d0b759b1d9", URL),
        ("467d0e2a-7676-11d4-bce6-0004ac961ea6", CONTACTS),
        ("b220f7bf-8e37-11d4-bd28-0004ac96d905", CHAT),
        ("00f6280e-e711-11d3-bcf3-0004ac969dc2", SMS),
        ("efb3603b-2ad8-456c-a4e0-9c5a5e67e865", EXTENDED),
    )
}
_FUNCTIONS = {(CONTACTS, 2): WANTED}
_STATUSES = {1: 0xE8, 2: 0xE9, 3: 0xEA}
_NAMES = (
    (b"file", FILE),
    (b"url", URL),
    (b"request for contacts", WANTED),
    (b"contacts", CONTACTS),
    (b"chat", CHAT),
    (b"sms", SMS),
    (b"away", 0xE8),
    (b"remote notification", EXTENDED),
)
"""Where the GUID is unknown: what a plugin's name holds, and what it then is; the first counts."""
_KINDS = {
    URL: "url",
    ASK: "authorization",
    DENY: "authorization-denied",
    GRANT: "authorization-granted",
    SYSTEM: "system",
    WEB_PAGER: "web-pager",
    MAIL_EXPRESS: "mail-express",
    CONTACTS: "contacts",
}
_SMS_TEXT = later(r"<text>(.*?)(?:</text>|$)", re.DOTALL)


def old_message(state: State, letter: Letter, values: dict[int, bytes]) -> Iterator[Output]:
    """Channel 4."""
    state.service = "icq" if not state.account else state.service
    reader = Reader(values.get(DATA, b""))
    uin, kind = reader.u32le(), reader.u8()
    reader.skip(1)
    if not letter.sender:
        letter = Letter(letter.cookie, str(uin), letter.recipient, letter.side)
    text = wire.text_le(reader)
    if kind == PLUGIN:
        yield from plugin(letter, reader)
    else:
        yield from message(letter, kind, text)


def message(
    letter: Letter, kind: int, data: bytes, *, stored: bool = False, utf8: bool = False
) -> Iterator[Output]:
    """Return what a message of one type says."""
    text = decode(data, "utf-8") if utf8 else decode(data, "utf-8", "cp1252")
    if kind == PLAIN:
        plain, markup = readable(text, escaped=False)
        yield letter.message(plain, kind="offline" if stored else "text", markup=markup)
    elif kind == ADDED:
        entry = Contact(account=letter.recipient)
        yield Contacts(owner=letter.sender, change="add", entries=(entry,))
    elif kind == CHAT:
        yield Room(room="", action="invite", account=letter.sender, others=(letter.recipient,))
    elif kind in _KINDS:
        yield letter.message(_fields(kind, data), kind=_KINDS[kind])
    elif kind in AUTO and text:
        yield Presence(account=letter.sender, status=AUTO[kind], text=text)


def _fields(kind: int, data: bytes) -> str:
    """Return the fields of a message as one text."""
    fields = [decode(part, "utf-8", "cp1252") for part in data.split(b"\xfe")]
    if kind == CONTACTS:  # a count, then number and nickname of each
        pairs = zip(fields[1::2], fields[2::2], strict=False)
        return "\n".join(f"{uin} {nick}".strip() for uin, nick in pairs)
    return " ".join(filter(None, fields))


def file_offer(letter: Letter, description: bytes, name: bytes, size: int) -> Offer:
    """Return the offer of a file over a direct ICQ connection."""
    return Offer(
        sender=letter.sender,
        recipient=letter.recipient,
        id=letter.id,
        name=decode(name, "utf-8", "cp1252"),
        size=size,
        note=decode(description, "utf-8", "cp1252"),
        use=Capability.FILE_TRANSFER,
    )


def sms(text: str) -> tuple[str, str]:
    """Return (the other end's number, the text) of ICQ's XML for short messages."""
    number = _element(text, "destination") or _element(text, "sender")
    found = _SMS_TEXT.search(text)
    return number, found[1] if found else ""


def _element(text: str, name: str) -> str:
    return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]


def plugin_parts(reader: Reader) -> tuple[int, bytes, Reader]:
    """Read a message of a plugin; return its type, its text, and what comes behind.

    Length u16le, (GUID 16, function u16le, name with u32le length, more), then remaining u32le,
    text with u32le length, more.
    """
    head = reader.sub(reader.u16le())
    guid, function = head.take(16), head.u16le()
    name = head.take(head.u32le()).lower()
    reader.skip(4)
    if guid == _STATUS:
        kind = _STATUSES.get(function, 0)
    elif kind := _PLUGINS.get(guid, 0):
        kind = _FUNCTIONS.get((kind, function), kind)
    else:
        kind = next((kind for word, kind in _NAMES if word in name), 0)
    return kind, reader.take(reader.u32le()), reader


def plugin(letter: Letter, reader: Reader) -> Iterator[Output]:
    """Return what such a message says."""
    kind, body, more = plugin_parts(reader)
    if kind == FILE:
        more.skip(4)
        yield file_offer(letter, body, wire.text_le(more), more.u32le())
    elif kind == WANTED:
        yield letter.message(_fields(ASK, body), kind="contacts")
    elif kind == SMS:
        number, text = sms(decode(body))
        yield Letter(letter.cookie, number or letter.sender, letter.recipient, letter.side).message(
            text, kind="sms"
        )
    elif kind == EXTENDED:
        yield from extended_status(letter, decode(body))
    elif kind:
        yield from message(letter, kind, body)


def extended_status(letter: Letter, text: str) -> Iterator[Output]:
    """ICQ's "X-Status": XML with the XML of an answer, escaped, inside."""
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    title, description = _element(plain, "title"), _element(plain, "desc")
    if told := ": ".join(filter(None, (title, description))):
        yield Presence(account=letter.sender, status="x-status", text=told)
