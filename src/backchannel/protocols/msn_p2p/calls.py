"""MSNSLP invitations and their answers, to events. One instance a flow; bounded.

A call is one Call-ID: an invitation to a session (a file, a picture, a webcam), and beneath the
same Call-ID the negotiation of a direct connection for it.
"""

import msgspec

from backchannel.effects import Effect, Expect, FileClose, FileData, FileOpen
from backchannel.events import Anomaly, Event, Offer, OfferAnswer, PeerAddress
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.msn_p2p import addresses, slp
from backchannel.protocols.msn_p2p.applications import (
    FILE,
    OBJECT,
    Application,
    Context,
    application,
    context,
    leaves_folder,
)
from backchannel.protocols.msn_p2p.files import File, Plan
from backchannel.protocols.msnp.names import number

MAX_CALLS = 64
MAX_ADDRESSES = 256
_DIRECT = frozenset({"transreqbody", "transrespbody", "transdestaddrupdate", "turnsetup"})


class Direct(msgspec.Struct, frozen=True):
    """What a switchboard knows of a direct connection to come: the context of its announcement."""

    listener: str
    caller: str
    nonce: str = ""
    hashed: bool = False
    plans: tuple[Plan, ...] = ()
    """Of the sessions that may move to it."""


class Call(msgspec.Struct):
    """One invitation."""

    id: str
    session: int
    kind: Application
    inviter: str
    invitee: str
    about: Context
    answered: bool = False

    @property
    def plan(self) -> Plan:
        """The file that the session will carry. Who is asked for an object sends it."""
        gives = self.kind is FILE
        about = self.about
        return Plan(
            session=self.session,
            use=self.kind.use,
            name=about.name or about.location or about.detail,
            size=about.size or None,
            sha1=about.sha1,
            sender=self.inviter if gives else self.invitee,
            recipient=self.invitee if gives else self.inviter,
        )


class Calls:
    """Turns MSNSLP messages of one flow into events; knows the files that are under way."""

    def __init__(self, plans: tuple[Plan, ...] = ()) -> None:
        self.files: dict[int, File] = {plan.session: File(plan) for plan in plans}
        self.negotiated = False
        """True once somebody listens for a direct connection, to which files may move."""
        self.cameras: dict[int, None] = {}
        """Sessions of webcams: all their data are control messages, however they are flagged."""
        self._calls: dict[str, Call] = {}
        self._told: set[tuple[str, str, int]] = set()

    def take(self, message: slp.Message, said_by: str = "") -> list[Output]:
        """Say what a message means. *said_by* is who the flow says sent it."""
        told: list[Output] = []
        if said_by and message.sender and said_by != message.sender:
            told.append(
                Anomaly(kind="spoofed-sender", detail=f"{said_by} writes as {message.sender}")
            )
        if message.content in _DIRECT or message.content.startswith("trans"):
            return told + self._direct(message)
        if message.method == "INVITE":
            return told + self._invited(message)
        if message.method == "BYE":
            return told + self._bye(message)
        if message.code >= 200:
            return told + self._answered(message)
        return told

    def plans(self) -> tuple[Plan, ...]:
        """Return what the open calls will carry."""
        return tuple(file.plan for file in self.files.values() if not file.closed)[:MAX_CALLS]

    def file(self, plan: Plan) -> File:
        """Return the file of a session, as announced or else as *plan* has it."""
        if (file := self.files.get(plan.session)) is None:
            file = File(plan)
            remember(self.files, plan.session, file, MAX_CALLS)
        return file

    def camera(self, session: int) -> None:
        """A session is a webcam's."""
        remember(self.cameras, session, None, MAX_CALLS)

    def end(self) -> list[Output]:
        """The flow is over: files that came on it get no more bytes, unless they moved away."""
        told: list[Effect] = []
        for file in self.files.values():
            if file.fed or not self.negotiated:
                told += file.close()
        return list(told)

    # -- sessions ------------------------------------------------------------------------------

    def _invited(self, message: slp.Message) -> list[Output]:
        if message.call in self._calls:
            return []
        fields = message.fields
        kind = application(fields.get("euf-guid", ""))
        about = context(kind, fields.get("context", ""))
        session = number(fields.get("sessionid", ""), 0xFFFFFFFF)
        call = Call(message.call, session, kind, message.sender, message.recipient, about)
        self._remember(call)
        told: list[Output] = []
        if leaves_folder(about.name) or leaves_folder(about.location):
            told.append(Anomaly(kind="path-in-file-name", detail=about.location or about.name))
        if kind in (FILE, OBJECT) and session:
            self.files[session] = File(call.plan)
        self.cameras.pop(session, None)
        if kind.use is Capability.VOICE_VIDEO:
            self.camera(session)
        told.append(
            Offer(
                use=kind.use,
                sender=call.inviter,
                recipient=call.invitee,
                id=str(session),
                name=about.name,
                size=about.size,
                detail=_detail(kind, about, fields.get("euf-guid", "")),
            )
        )
        return told + (_preview(call) if about.preview else [])

    def _remember(self, call: Call) -> None:
        self._calls[call.id] = call
        while len(self._calls) > MAX_CALLS:
            gone = self._calls.pop(next(iter(self._calls)))
            self.files.pop(gone.session, None)

    def _answered(self, message: slp.Message) -> list[Output]:
        call = self._calls.get(message.call)
        session = number(message.fields.get("sessionid", ""), 0xFFFFFFFF)
        if (call and call.answered) or not (call or session):
            return []
        accepted = message.code == 200
        if call:
            call.answered = True
        told: list[Output] = [
            OfferAnswer(
                use=call.kind.use if call else Capability.FILE_TRANSFER,
                sender=message.sender,
                recipient=message.recipient,
                id=str(call.session if call else session),
                accepted=accepted,
                reason="" if accepted else f"{message.code} {message.reason}",
            )
        ]
        file = self.files.get(call.session) if call else None
        if file and accepted:
            told += file.open()
        return told

    def _bye(self, message: slp.Message) -> list[Output]:
        call = self._calls.get(message.call)
        session = number(message.fields.get("sessionid", ""), 0xFFFFFFFF)
        file = self.files.get(call.session if call else session)
        told: list[Output] = []
        if call and not call.answered:
            call.answered = True
            told.append(
                OfferAnswer(
                    use=call.kind.use,
                    sender=message.sender,
                    recipient=message.recipient,
                    id=str(call.session),
                    accepted=False,
                    reason="withdrawn" if message.sender == call.inviter else "closed",
                )
            )
        return told + (list(file.close()) if file else [])

    # -- direct connections --------------------------------------------------------------------

    def _direct(self, message: slp.Message) -> list[Output]:
        listener = addresses.listener(message.fields)
        call = self._calls.get(message.call)
        use = call.kind.use if call else Capability.FILE_TRANSFER
        told: list[Output] = []
        for address, port, where in listener.addresses:
            told += self._address(message.sender, address, port, where, use)
        if not listener.listening:
            return told
        self.negotiated = True
        direct = Direct(
            listener=message.sender,
            caller=message.recipient,
            nonce=listener.nonce,
            hashed=listener.hashed,
            plans=self.plans(),
        )
        for address, port, _ in listener.addresses:
            told += self._expect(direct, address, port, use)
        return told

    def _address(
        self, account: str, address: str, port: int, where: str, use: Capability
    ) -> list[Event]:
        if not self._new(account, address, port):
            return []
        how = f"direct-connection-{where}"
        return [PeerAddress(use=use, account=account, address=address, port=port, how=how)]

    def _expect(self, direct: Direct, address: str, port: int, use: Capability) -> list[Effect]:
        if not port or not self._new(f"expect {direct.nonce}", address, port):
            return []
        return [
            Expect(
                protocol="msn-p2p",
                purpose=use,
                address=address,
                port=port,
                accounts=(direct.caller, direct.listener),
                context=direct,
            )
        ]

    def _new(self, about: str, address: str, port: int) -> bool:
        key = about, address, port
        if key in self._told:
            return False
        if len(self._told) < MAX_ADDRESSES:
            self._told.add(key)
        return True


def _preview(call: Call) -> list[Effect]:
    """The small picture that comes with the invitation, whether or not it is accepted."""
    data, key = call.about.preview, f"preview:{call.id}"
    opened = FileOpen(
        key=key,
        use=Capability.IMAGE,
        name=f"preview of {call.about.name}",
        size=len(data),
        sender=call.inviter,
        recipient=call.invitee,
        id=str(call.session),
    )
    return [opened, FileData(key=key, offset=0, data=data), FileClose(key=key)]


def _detail(kind: Application, about: Context, guid: str) -> str:
    if kind is OBJECT:
        return f"request for {about.detail}"
    parts = [kind.name, about.detail]
    if kind.name.startswith("unknown"):
        parts.append(guid[:64])
    if about.preview:
        parts.append(f"preview of {len(about.preview)} bytes")
    return ", ".join(part for part in parts if part)
