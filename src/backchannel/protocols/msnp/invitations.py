r"""Invitations of the old kind (`text/x-msmsgsinvite`): files, calls, shared programs, games.

    Invitation-Command: INVITE | ACCEPT | CANCEL | CONTEXT     Invitation-Cookie: 24443504
    Application-GUID, Application-Name, Application-File, Application-FileSize
    IP-Address, IP-Address-Internal, IP-Address-Enc64 (base64), Port, PortX, AuthCookie, Public-IP,
    Private-IP, Context-Data, Cancel-Code

An invitation, its answer and the address may come on three switchboards, so what one flow does not
know is left empty; the cookie joins them. Sources: hypothetic.org `invitations` and
`invitation_types`, aMSN `protocol.tcl`, Miranda `msn_invite`, KMess, BitlBee.
"""

from typing import Literal

import msgspec

from backchannel.effects import Expect, FileClose, FileOpen
from backchannel.events import Anomaly, Event, Offer, OfferAnswer, PeerAddress
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.msn_p2p.applications import leaves_folder, unpack
from backchannel.protocols.msnftp.context import FileInvitation
from backchannel.protocols.msnp import mime
from backchannel.protocols.msnp.names import address, addresses_in, number
from backchannel.protocols.msnp.state import Parties
from backchannel.text import decode

MAX_OPEN = 64
MAX_FIELD = 1024
_ADDRESSES = ("ip-address", "ip-address-internal", "public-ip", "private-ip")
_ENCODED = ("ip-address-enc64", "ip-address-enc", "ip-address-internal-enc64")
_PORTS = ("port", "portx", "port-internal", "portx-internal")


class Application(msgspec.Struct, frozen=True):
    """What is invited to, and the flow that follows."""

    name: str
    use: Capability
    protocol: str = ""
    transport: Literal["tcp", "udp"] = "tcp"
    port: int = 0
    """Where it listens when the invitation names no port."""


FILE = Application("file transfer", Capability.FILE_TRANSFER, "msnftp", port=6891)
_GAME = Application("game", Capability.GAME)
APPLICATIONS = {
    "5D3E02AB-6190-11D3-BBBB-00C04F795683": FILE,
    "02D3C01F-BF30-4825-A83A-DE7AF41648AA": Application(
        "voice or video", Capability.VOICE_VIDEO, "rtp", "udp"
    ),
    "2A23868E-B45F-401D-B8B0-1E16B774A5B7": Application(
        "webcam", Capability.VOICE_VIDEO, "rtp", "udp"
    ),
    "44BBA842-CC51-11CF-AAFA-00AA00B6015C": Application(
        "NetMeeting", Capability.APP_SHARING, "t120", port=1503
    ),
    "F1B1920C-6A3C-4CE7-B18C-AFAB305FD03D": Application(
        "application sharing", Capability.APP_SHARING, "t120", port=1503
    ),
    "1DF57D09-637A-4CA5-91B9-2C3EDAAF62FE": Application(
        "whiteboard", Capability.WHITEBOARD, "t120", port=1503
    ),
    "56B994A7-380F-410B-9985-C809D78C1BDC": Application(
        "remote assistance", Capability.REMOTE_ASSISTANCE, "rdp", port=3389
    ),
    "8DAE4336-2B71-11D4-9A6C-006067325E47": _GAME,
    "41FD0FA2-942D-4DC4-B4C5-73D2C55F4C94": _GAME,
}


class Invitation(msgspec.Struct, frozen=True):
    """An invitation that was seen on this flow."""

    application: Application
    inviter: str
    invitee: str
    name: str = ""
    size: int | None = None


class Invitations:
    """The invitations of one flow, at most MAX_OPEN."""

    def __init__(self) -> None:
        self._open: dict[str, Invitation] = {}
        self._told: set[tuple[str, str, int]] = set()

    def take(self, parties: Parties, message: mime.Message) -> list[Output]:
        """Say what an invitation message means."""
        fields = mime.fields(message.text)
        told: list[Output] = []
        if oversized := [name for name, value in fields.items() if len(value) > MAX_FIELD]:
            if oversized != ["context-data"]:
                detail = f"{oversized[0][:40]}: {len(fields[oversized[0]])} bytes"
                told.append(Anomaly(kind="oversized-invitation-field", detail=detail))
            fields = {name: value[:16384] for name, value in fields.items()}
        cookie = fields.get("invitation-cookie", "")[:64]
        command = fields.get("invitation-command", "").upper()
        if command == "INVITE":
            told += self._invited(parties, cookie, fields)
        elif command in ("ACCEPT", "CANCEL"):
            told += self._answered(parties, cookie, command == "ACCEPT", fields)
        return told + self._listening(parties, cookie, fields)

    def _invited(self, parties: Parties, cookie: str, fields: dict[str, str]) -> list[Output]:
        guid = fields.get("application-guid", "").strip("{}").upper()
        application = APPLICATIONS.get(guid, _GAME)
        name = fields.get("application-file") or fields.get("application-name", "")
        size = number(fields.get("application-filesize", ""), 1 << 62)
        invitation = Invitation(application, parties.sender, parties.recipient, name, size or None)
        remember(self._open, cookie, invitation, MAX_OPEN)
        told: list[Output] = []
        if leaves_folder(name):
            told.append(Anomaly(kind="path-in-file-name", detail=name))
        detail = application.name if guid in APPLICATIONS else f"application {guid[:40]}"
        if application.use is Capability.VOICE_VIDEO:
            detail += f", {fields.get('context-data', '')[:80]}".rstrip(", ")
        told.append(
            Offer(
                use=application.use,
                sender=parties.sender,
                recipient=parties.recipient,
                id=cookie,
                name=name,
                size=size,
                detail=detail,
            )
        )
        return told + (self._named(cookie, invitation) if application is FILE else [])

    def _named(self, cookie: str, invitation: Invitation) -> list[Output]:
        """The file's name goes ahead: the flow that tells the address may not know it."""
        sender, recipient = invitation.inviter, invitation.invitee
        key = FileInvitation(cookie, sender, recipient).key
        return [
            FileOpen(
                key=key,
                shared=True,
                name=invitation.name,
                sender=sender,
                recipient=recipient,
                id=cookie,
            )
        ]

    def _answered(
        self, parties: Parties, cookie: str, accepted: bool, fields: dict[str, str]
    ) -> list[Output]:
        invitation = self._open.get(cookie)
        # The inviter accepts too, to tell the address: only the invitee's word is an answer.
        if accepted and invitation and invitation.inviter == parties.sender:
            return []
        if accepted and not invitation and "ip-address" in fields:
            return []
        told: list[Output] = [
            OfferAnswer(
                use=self._application(cookie, fields).use,
                sender=parties.sender,
                recipient=parties.recipient,
                id=cookie,
                accepted=accepted,
                reason=fields.get("cancel-code", "")[:64],
            )
        ]
        if not accepted and invitation and invitation.application is FILE:
            key = FileInvitation(cookie, invitation.inviter, invitation.invitee).key
            told.append(FileClose(key=key, shared=True))
        return told

    def _application(self, cookie: str, fields: dict[str, str]) -> Application:
        if invitation := self._open.get(cookie):
            return invitation.application
        # An answer without its invitation: only file transfers have these fields.
        files = {"authcookie", "launch-application"} & fields.keys()
        return FILE if files and "session-id" not in fields else _GAME

    # -- who listens where ---------------------------------------------------------------------

    def _listening(self, parties: Parties, cookie: str, fields: dict[str, str]) -> list[Output]:
        places = _places(fields)
        if not places:
            return []
        application = self._application(cookie, fields)
        told: list[Output] = []
        for host, port in places:
            told += self._disclosed(parties.sender, host, port, application)
        if fields.get("invitation-command", "").upper() == "INVITE":
            return told
        context = self._context(parties, cookie, fields) if application is FILE else None
        accounts = (
            (context.sender, context.recipient) if context else (parties.sender, parties.recipient)
        )
        for host, port in places if application.protocol else ():
            told.append(
                Expect(
                    protocol=application.protocol,
                    purpose=application.use,
                    address=host,
                    port=0 if application.transport == "udp" else port or application.port,
                    transport=application.transport,
                    accounts=accounts,
                    context=context,
                    repeat=application is not FILE,
                )
            )
        return told

    def _context(self, parties: Parties, cookie: str, fields: dict[str, str]) -> FileInvitation:
        invitation = self._open.get(cookie)
        sender, recipient = parties.sender, parties.recipient
        if invitation:
            sender, recipient = invitation.inviter, invitation.invitee
        elif fields.get("sender-connect", "").upper() == "TRUE":
            sender, recipient = recipient, sender  # who listens then is to receive
        return FileInvitation(
            cookie,
            sender,
            recipient,
            auth=fields.get("authcookie", "")[:64],
            name=invitation.name if invitation else "",
            size=invitation.size if invitation else None,
        )

    def _disclosed(self, who: str, host: str, port: int, application: Application) -> list[Event]:
        if (who, host, port) in self._told or len(self._told) > 4 * MAX_OPEN:
            return []
        self._told.add((who, host, port))
        return [
            PeerAddress(
                use=application.use,
                account=who,
                address=host,
                port=port,
                transport=application.transport,
                how="invitation",
            )
        ]


def _places(fields: dict[str, str]) -> list[tuple[str, int]]:
    """Return every address of a message with every port, and the default port where none is."""
    found: list[tuple[str, int]] = []
    for name in _ADDRESSES:
        found += _endpoints(fields.get(name, ""))
    for name in _ENCODED:
        found += _endpoints(decode(unpack(fields.get(name, "")), "ascii"))
    found += addresses_in(fields.get("context-data", ""))
    ports = [port for name in _PORTS if (port := number(fields.get(name, ""), 0xFFFF))]
    pairs = [
        (host, own or port) for host, own in found for port in ([own] if own else ports or [0])
    ]
    return list(dict.fromkeys(pairs))[:16]


def _endpoints(text: str) -> list[tuple[str, int]]:
    host, colon, port = text.rpartition(":")
    if not colon or ":" in host:
        host, port = text, ""
    host = address(host)
    return [(host, number(port, 0xFFFF))] if host else []
