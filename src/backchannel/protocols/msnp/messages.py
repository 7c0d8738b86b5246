"""What the content types of MSG mean: one small function each, one table at the bottom.

Formatting (`X-MMS-IM-Format`) is left out: it never touches the text.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Anomaly, Event, Message, Offer, Software, Typing
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.msn_p2p.applications import leaves_folder, stored_object, unpack
from backchannel.protocols.msnp import mime
from backchannel.protocols.msnp.events import ChatLogging
from backchannel.protocols.msnp.names import account, digest
from backchannel.protocols.msnp.state import Parties, State

Teller = Callable[[State, Parties, mime.Message], list[Output]]

_BASE64 = b"base64:"
_FONT = re.compile(r"\bFN=([^;]*)")
MAX_FONT = 64
"""A font name in Windows has at most 31 characters; URL encoding makes it longer."""
_DATACAST = {"1": "nudge", "2": "wink", "3": "voice-clip", "4": "action"}


def said(parties: Parties, text: str, kind: str = "text") -> Message:
    """A message event."""
    return Message(
        sender=parties.sender,
        recipient=parties.recipient,
        room=parties.room,
        text=text,
        kind=kind,
        size=len(text),
    )


def plain(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`text/plain`."""
    told: list[Output] = list(_program(state, parties, message.get("user-agent")))
    font = _FONT.search(message.get("x-mms-im-format"))
    if font and len(unquote(font[1])) > MAX_FONT:
        told.append(Anomaly(kind="oversized-font-name", detail=f"{len(font[1])} characters"))
    return [*told, said(parties, message.text)]


def _program(state: State, parties: Parties, name: str) -> list[Event]:
    if not name or not state.changed("program", f"{parties.sender} {name[:128]}", "named"):
        return []
    program, _, number = name[:128].partition("/")
    return [Software(name=program, version=number, role="peer", account=parties.sender)]


def capabilities(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`text/x-clientcaps`: programs name themselves, and say whether they log."""
    fields = mime.fields(message.text) | message.headers
    told: list[Output] = list(_program(state, parties, fields.get("client-name", "")))
    logging = fields.get("chat-logging", "")
    if logging and state.changed("logging", parties.sender, logging):
        keeps = logging.upper().startswith(("Y", "S"))
        told.append(ChatLogging(account=parties.sender, keeps=keeps))
    return told


def typing(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`text/x-msmsgscontrol`. It tells whose connection this is, where that was not seen."""
    named = account(message.get("typinguser"))
    if not named:
        return []
    if not parties.sender and not state.account:
        state.account = named
    told: list[Output] = []
    if parties.sender and named != parties.sender:
        detail = f"{parties.sender} types as {named}"
        told.append(Anomaly(kind="spoofed-sender", detail=detail))
    return [*told, Typing(sender=parties.sender or named, recipient=parties.recipient)]


def datacast(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`text/x-msnmsgr-datacast`: nudges, winks, voice clips, actions."""
    del state
    fields = message.headers | mime.fields(message.text)
    kind = _DATACAST.get(fields.get("id", ""), "datacast")
    data = fields.get("data", "")
    return [said(parties, data if kind == "action" else _friendly(data), kind)]


def _friendly(data: str) -> str:
    about = stored_object(data) if "<msnobj" in data else None
    return about.name if about else ""


def emoticons(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`text/x-mms-emoticon`: pairs of shortcut and object, between tabs."""
    del state
    words = message.text[:16384].split("\t")
    told: list[Output] = []
    for shortcut, xml in zip(words[::2], words[1::2], strict=False):
        about = stored_object(xml)
        if leaves_folder(about.location):
            told.append(Anomaly(kind="path-in-file-name", detail=about.location))
        told.append(
            Offer(
                use=Capability.IMAGE,
                sender=parties.sender,
                recipient=parties.recipient,
                name=shortcut.strip()[:64],
                size=about.size,
                detail=about.detail,
            )
        )
    return told


def ink(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`image/gif` and `application/x-ms-ink`: handwriting as a picture, in base64."""
    del state
    body = message.body
    if body.lstrip()[: len(_BASE64)].lower() == _BASE64:
        body = unpack(body.lstrip()[len(_BASE64) :].decode("latin-1"))
    drawn = said(parties, "", "ink")
    if not body:
        return [drawn]
    key = digest("ink", parties.sender, body.hex())
    name = "ink.gif" if message.content.startswith("image/") else "ink.isf"
    return [
        drawn,
        FileOpen(
            key=key,
            use=Capability.IMAGE,
            name=name,
            size=len(body),
            sender=parties.sender,
            recipient=parties.recipient,
        ),
        FileData(key=key, offset=0, data=body),
        FileClose(key=key),
    ]


def peer(state: State, parties: Parties, message: mime.Message) -> list[Output]:
    """`application/x-msnmsgrp2p`: see `msn_p2p`."""
    state.peering = True
    recipient = account(message.get("p2p-dest")) or parties.recipient
    return state.link.packet(parties.sender, recipient, message.body)
