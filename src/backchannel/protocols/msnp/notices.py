"""What the service itself says: the profile at sign-on, mail, offline messages, alerts, pages."""

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from backchannel.events import Credential, Message, PeerAddress
from backchannel.model import Capability, Side
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.msnp import mime
from backchannel.protocols.msnp.names import account, address, number
from backchannel.protocols.msnp.state import Parties, State
from backchannel.protocols.msnp.wire import Command
from backchannel.text import decode, unescape

SERVICE = "Hotmail"
"""How the service names itself as a sender; no account of anybody."""
MAX_NOTICES = 64
_TAG = r"<{0}>([^<]{{0,1024}})</{0}>"
_MAIL = later(r"<M>(.{0,4096}?)</M>", re.DOTALL)
_FROM, _SUBJECT = (later(_TAG.format(tag)) for tag in ("E", "SU"))
_KIND = later(_TAG.format("T"))
_OFFLINE = "11"
_TEXT = later(r"<(?:TEXT|BODY)\b[^>]{0,200}>([^<]{0,4096})</(?:TEXT|BODY)>", re.IGNORECASE)
_TEL = later(r"<FROM\b[^>]{0,200}?\bname=\"([^\"]{0,320})\"", re.IGNORECASE)
_MACHINES = "<NotificationData"
_MARKUP = later(r"<[^>]{0,512}>")


def profile(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`text/x-msmsgsprofile`: the address as the service sees it, and Hotmail's session cookie."""
    del parties
    told: list[Output] = []
    host = address(message.get("clientip"))
    if host:
        port = _client_port(state, message.get("clientport"))
        told.append(
            PeerAddress(
                use=Capability.LOGIN,
                account=state.account,
                address=host,
                port=port,
                how="profile",
            )
        )
    if ticket := message.get("mspauth"):
        told.append(
            Credential(account=state.account, kind="token", scheme="msn-mspauth", secret=ticket)
        )
    return told


def _client_port(state: State, text: str) -> int:
    """The port, whose bytes some servers write in the other order: the flow's own port decides."""
    port = number(text, 0xFFFF)
    swapped = (port & 0xFF) << 8 | port >> 8
    return swapped if swapped == state.start.client.port else port


def mail(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`text/x-msmsgsemailnotification`: mail has come."""
    del parties
    fields = mime.fields(message.text) | message.headers
    sender = fields.get("from-addr") or fields.get("from", "")
    text = _unworded(fields.get("subject", ""))
    return [_notice(state, sender, text, "mail-notice")] if sender or text else []


def unread(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`text/x-msmsgsinitialmdatanotification` and `..oimnotification`: what waits, in XML."""
    del parties
    fields = message.headers | mime.fields(message.text)
    told: list[Output] = []
    for inside in _MAIL.findall(fields.get("mail-data", ""))[:MAX_NOTICES]:
        found = {key: _first(each, inside) for key, each in _PARTS.items()}
        kind = "offline" if found["kind"] == _OFFLINE else "mail-notice"
        text = "" if kind == "offline" else _unworded(found["subject"])
        told.append(_notice(state, found["from"], text, kind))
    return told


_PARTS = {"from": _FROM, "kind": _KIND, "subject": _SUBJECT}


def system(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`application/x-msmsgssystemmessage`: Type 1 announces a shutdown in Arg1 minutes."""
    del parties
    fields = message.headers | mime.fields(message.text)
    kind, argument = fields.get("type", ""), fields.get("arg1", "")
    text = f"going down in {argument} minutes" if kind == "1" else f"type {kind} {argument}".strip()
    return [_notice(state, "", text[:200], "system")]


def alert(state: State, side: Side, command: Command) -> list[Output]:
    """`NOT`: alerts and calendar reminders, but no word of one program to another.

    From MSNP13 on the address book's service says so that the list has changed: its body is
    `NotificationData`, whose marks are escaped.
    """
    if side is Side.CLIENT or not command.payload:
        return []
    told = [unescape(part) for part in _TEXT.findall(decode(command.payload))]
    text = "\n".join(part for part in told if not part.lstrip().startswith(_MACHINES))
    text = _MARKUP.sub("", text).strip()
    return [_notice(state, "", text, "alert")] if text else []


def page(state: State, side: Side, command: Command) -> list[Output]:
    """`PAG` and `PGD` to a telephone, `IPG` from one."""
    if not command.payload:
        return []
    xml = decode(command.payload)
    text = "\n".join(unescape(part) for part in _TEXT.findall(xml)) or _MARKUP.sub("", xml).strip()
    if side is Side.SERVER:
        sender = _first(_TEL, xml)
        return [_notice(state, sender, text, "sms")]
    recipient = account(command.word(1))
    return [
        Message(sender=state.account, recipient=recipient, text=text, kind="sms", size=len(text))
    ]


def mail_invitation(state: State, side: Side, command: Command) -> list[Output]:
    """`SDC n address ..` and `SND n address`: the service mails somebody an invitation."""
    if side is Side.SERVER or "@" not in command.word(1):
        return []
    text = decode(command.payload) if command.payload else ""
    return [
        Message(
            sender=state.account,
            recipient=account(command.word(1)),
            text=text,
            kind="mail-invitation",
            size=len(text),
        )
    ]


def _notice(state: State, sender: str, text: str, kind: str) -> Message:
    who = account(sender) if "@" in sender else sender[:320]
    return Message(sender=who, recipient=state.account, text=text, kind=kind, size=len(text))


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return unescape(found[1]).strip() if found else ""


def _unworded(text: str) -> str:
    """Undo RFC 2047 (`=?utf-8?B?...?=`)."""
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text[:2048])))
    except (HeaderParseError, ValueError, LookupError):
        return text
