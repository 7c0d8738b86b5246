"""What ICQ's messages say, by way of the server or from peer to peer.

Several fields share one text, with the byte fe between them:

    4 URL           description, address
    6 ask           nickname, first name, last name, mail address, 1 or 0, reason
    c added         nickname, first name, last name, mail address
    d, e pagers     name, -, -, mail address, 3, message
    13 contacts     how many, then UIN and nickname of each

Sources: icqlib 1.x udphandle.c; licq 0.85 icqd-udp.cpp, whose comments show real packets.
"""

from collections.abc import Iterator

from backchannel import text
from backchannel.events import Contact, Contacts, Message, Offer, Profile, Room
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.icq.names import TO_SEVERAL, Kind
from backchannel.protocols.oscar.markup import readable

_WORDS = {
    Kind.ASK: "authorization",
    Kind.DENY: "authorization-denied",
    Kind.GRANT: "authorization-granted",
    Kind.SYSTEM: "system",
    Kind.WEB_PAGER: "web-pager",
    Kind.MAIL_PAGER: "mail-express",
}


def words(data: bytes) -> str:
    """Decode text: UTF-8, else the Windows code page of most clients. RTF is not undone here."""
    return text.decode(data.rstrip(b"\0"), "utf-8", "cp1252")


def fields(data: bytes) -> list[str]:
    """Return the fields of a message."""
    return [words(part) for part in data.rstrip(b"\0").split(b"\xfe")]


def message(
    kind: int, data: bytes, sender: str, recipient: str, *, stored: bool = False
) -> Iterator[Output]:
    """Tell a message of *kind*. *stored*: it waited at the server."""
    kind &= ~TO_SEVERAL
    if kind == Kind.TEXT:
        plain, markup = readable(words(data).replace("\r\n", "\n"), escaped=False)
        yield _message(sender, recipient, plain, "offline" if stored else "text", markup)
    elif kind == Kind.URL:
        description, _, address = words(data.replace(b"\xfe", b"\0", 1)).partition("\0")
        yield _message(sender, recipient, f"{address} {description}".strip(), "url")
    elif kind == Kind.CONTACTS:
        parts = fields(data)
        pairs = zip(parts[1::2], parts[2::2], strict=False)
        lines = [f"{uin} {nickname}".strip() for uin, nickname in pairs if uin]
        yield _message(sender, recipient, "\n".join(lines), "contacts")
    elif kind == Kind.CHAT:
        yield Room(room="", action="invite", account=sender, others=(recipient,))
        if said := words(data):
            yield _message(sender, recipient, said, "invitation")
    elif kind == Kind.FILE:
        yield Offer(
            use=Capability.FILE_TRANSFER, sender=sender, recipient=recipient, note=words(data)
        )
    elif kind in {Kind.ASK, Kind.ADDED}:
        yield from _introduced(kind, fields(data), sender, recipient)
    elif kind in _WORDS:
        yield _message(sender, recipient, _last(kind, fields(data)), _WORDS[kind])


def _last(kind: int, parts: list[str]) -> str:
    """Return what a denial, a pager or the service says; pagers name the writer first."""
    if kind in {Kind.WEB_PAGER, Kind.MAIL_PAGER} and len(parts) >= 6:
        return f"{parts[0]} <{parts[3]}>: {parts[5]}".replace("\r\n", "\n")
    return " ".join(part for part in parts if part)


def _introduced(kind: int, parts: list[str], sender: str, recipient: str) -> Iterator[Output]:
    nickname, *names = [*parts, "", "", ""][:3]
    mail = parts[3] if len(parts) > 3 else ""
    if nickname or mail:
        about = " ".join(part for part in (*names, mail) if part)
        yield Profile(account=sender, nickname=nickname, text=about)
    if kind == Kind.ADDED:
        entry = Contact(account=recipient)
        yield Contacts(owner=sender, change="add", entries=(entry,))
    else:
        reason = parts[-1] if len(parts) in {1, 5, 6} else ""
        yield _message(sender, recipient, reason, "authorization")


def _message(sender: str, recipient: str, said: str, kind: str, markup: str = "") -> Message:
    return Message(
        sender=sender, recipient=recipient, text=said, kind=kind, size=len(said), markup=markup
    )
