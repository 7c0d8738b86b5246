"""Files inside HTTP bodies: as they are, or as the last field of a YMSG packet.

Nothing of a file is held here; of a YMSG packet before a file, at most 68 KiB.
"""

import re
from typing import Protocol

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Download, Malformed, Message, Offer
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.http.heads import Head
from backchannel.protocols.yahoo_http.requests import Kind, Request, peer_file
from backchannel.protocols.ymsg import wire
from backchannel.protocols.ymsg.markup import words
from backchannel.protocols.ymsg.state import Announced, Body
from backchannel.protocols.ymsg.tables import Service
from backchannel.protocols.ymsg.transfers import archive_hint
from backchannel.reader import WireError

_LONGEST_PACKET = 68 * 1024
_FILE_KEY = b"29"
_NO_FILE = "no file in the uploaded YMSG packet"
_DISPOSITION = re.compile(r'filename\s*=\s*"?([^";]{1,512})', re.IGNORECASE)


class Sink(Protocol):
    """Takes the body of one message."""

    def data(self, piece: bytes) -> list[Output]:
        """Take the next bytes."""

    def skip(self, size: int) -> list[Output]:
        """*size* bytes were never seen."""

    def done(self) -> list[Output]:
        """The message is over."""


class Ignored:
    """A body that tells nothing."""

    def data(self, piece: bytes) -> list[Output]:  # noqa: ARG002 - a Sink's shape
        """Pass over *piece*."""
        return []

    def skip(self, size: int) -> list[Output]:  # noqa: ARG002 - a Sink's shape
        """Pass over a gap."""
        return []

    def done(self) -> list[Output]:
        """Say nothing."""
        return []


class File:
    """A body, or the rest of one, that is a file."""

    def __init__(self, key: str, offset: int = 0) -> None:
        self._key, self._offset = key, offset

    def data(self, piece: bytes) -> list[Output]:
        """Hand on bytes of the file."""
        at, self._offset = self._offset, self._offset + len(piece)
        return [FileData(key=self._key, offset=at, data=piece)] if piece else []

    def skip(self, size: int) -> list[Output]:
        """Leave a hole of *size* bytes."""
        self._offset += size
        return []

    def done(self) -> list[Output]:
        """Close the file."""
        return [FileClose(key=self._key)]


class Upload:
    """A POST to /notifyft: one YMSG packet whose last field, key 29, runs to the body's end.

    How long the packet says it is differs between programs (with or without that field), so it is
    read field by field.
    """

    def __init__(self, key: str, account: str) -> None:
        self._key, self._account = key, account
        self._held = bytearray()
        self._at = wire.HEADER  # where the next field begins
        self._file: File | None = None
        self._lost = False

    def data(self, piece: bytes) -> list[Output]:
        """Take the next bytes of the packet or of the file."""
        if self._file:
            return self._file.data(piece)
        if self._lost:
            return []
        self._held += piece
        if not wire.is_header(self._held[: wire.HEADER]):
            return self._lose(_NO_FILE)
        at = self._file_at()
        if at is None or at > _LONGEST_PACKET:
            return self._lose(_NO_FILE) if len(self._held) > _LONGEST_PACKET else []
        packet, rest = bytes(self._held[:at]), bytes(self._held[at:])
        self._held.clear()
        return [*self._open(packet), *(self._file.data(rest) if self._file else [])]

    def _file_at(self) -> int | None:
        """Return where the file begins in what is held; None while its key has not come."""
        held = self._held
        while (end := held.find(wire.SEPARATOR, self._at)) >= 0:
            if held[self._at : end] == _FILE_KEY:
                return end + len(wire.SEPARATOR)
            value_end = held.find(wire.SEPARATOR, end + len(wire.SEPARATOR))
            if value_end < 0:
                return None
            self._at = value_end + len(wire.SEPARATOR)
        return None

    def _lose(self, reason: str) -> list[Output]:
        self._lost = True
        self._held.clear()
        return [Malformed(reason=reason)]

    def _open(self, packet: bytes) -> list[Output]:
        service = int.from_bytes(packet[10:12], "big")
        head = packet[wire.HEADER : packet.rfind(_FILE_KEY)]
        try:
            fields = wire.fields(head)
        except WireError as error:
            return self._lose(str(error))
        body = Body(Side.CLIENT, wire.Packet(0, service, 0, 0, b""), fields)
        picture = service == Service.PICTURE_UPLOAD
        use = Capability.IMAGE if picture else Capability.FILE_TRANSFER
        sender, recipient = body.account(0, 1) or self._account, body.account(5)
        name, size = body.text(27), body.number(28)
        said = body.text(14).partition("\x06")[0]
        self._file = File(self._key)
        told: list[Output] = [
            Offer(use=use, sender=sender, recipient=recipient, name=name, size=size),
            *archive_hint(name),
        ]
        if said:
            told.append(
                Message(sender=sender, recipient=recipient, text=said, size=len(said), kind="text")
            )
        told.append(
            FileOpen(
                key=self._key,
                use=use,
                name=name,
                size=size or None,
                sender=sender,
                recipient=recipient,
            )
        )
        return told

    def skip(self, size: int) -> list[Output]:
        """Inside the file a gap is a hole; inside the packet it loses the rest."""
        if self._file:
            return self._file.skip(size)
        return [] if self._lost else self._lose("part of the uploaded YMSG packet was not seen")

    def done(self) -> list[Output]:
        """The body is over."""
        if self._file:
            return self._file.done()
        return self._lose("no file in the uploaded YMSG packet") if self._held else []


def download(key: str, request: Request, head: Head, what: Announced | None) -> list[Output]:
    """Return what the head of an answer that holds a file tells, its FileOpen last."""
    found = what or _from_path(request)
    total = head.content_range
    size = total[2] if total else head.length
    told: list[Output] = []
    if found.use is Capability.FILE_SHARING:
        told.append(Download(name=found.name, account=found.recipient))
    name = found.name or _declared(head) or peer_file(request.path)[1]
    return [
        *told,
        *archive_hint(request.path),
        FileOpen(
            key=key,
            use=found.use,
            name=name,
            size=size if size is not None else found.size,
            sender=found.sender,
            recipient=found.recipient,
            id=found.id,
        ),
    ]


def upload(key: str, request: Request, head: Head, what: Announced | None) -> list[Output]:
    """Return what the head of a POST whose body is a file tells, its FileOpen last."""
    found = what or _from_path(request, posted=True)
    return [
        FileOpen(
            key=key,
            use=found.use,
            name=found.name,
            size=head.length if head.length is not None else found.size,
            sender=found.sender,
            recipient=found.recipient,
            id=found.id,
        )
    ]


def _from_path(request: Request, *, posted: bool = False) -> Announced:
    if request.kind is Kind.RELAY:
        return Announced(
            sender=request.get("sender"),
            recipient=request.get("recver"),
            id=request.get("token"),
        )
    who, name = peer_file(request.path)
    who = who or request.get("UserID")
    return Announced(name=name, sender=who if posted else "", recipient="" if posted else who)


def _declared(head: Head) -> str:
    found = _DISPOSITION.search(head.get("content-disposition"))
    return words(found[1].strip().encode("latin-1")) if found else ""
