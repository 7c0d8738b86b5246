r"""One webcam connection: what the caller wants, then packets of both sides. Pictures are not kept.

    caller    <RVWCFG> or <RUPCFG>, to webcam.yahoo.com, which names the server to go to
              <REQIMG> to watch, <SNDIMG> to show
    packet    header's length u8 (8 or 13) | reason u8 | 2 | length u32 | kind u8, value u32 | data
    server    length of all u8 | status u8 | 2 | host, closed by a NUL: answers who asks for it

    0  data u=viewer: asks to watch; value 1: may, 0: may not       2  a picture (JPEG 2000)
    c  data: who watches now              7  closed, for a reason: 1 by who shows, f permission ends
    13 data i= and j=: address of who is watched, inside and outside

The first packet's data say who calls: u= account, t= the key that YMSG handed out, i= own address,
g= who is to be watched, p= speed. Integers are big-endian. Held: one packet but no picture, 8 KiB.

Sources: libyahoo2 @9232da1 src/libyahoo2.c; Kopete webcamtask.cpp; nDPI yahoo.c (the four tags).
"""

from backchannel.effects import Expect
from backchannel.events import Credential, Gap, Offer, OfferAnswer, PeerAddress
from backchannel.model import MORE, Capability, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.framed import Passing
from backchannel.protocols.msn_webcam.events import WebcamVideo
from backchannel.protocols.yahoo_webcam import TAGS
from backchannel.protocols.ymsg import cookies
from backchannel.protocols.ymsg.markup import words
from backchannel.protocols.ymsg.transfers import address_of
from backchannel.reader import WireError

PORT = 5100
_TAG = len(TAGS[0])
_ASKS_SERVER, _WATCHES, _SHOWS = (b"<RVWCFG>", b"<RUPCFG>"), b"<REQIMG>", b"<SNDIMG>"
_SHORT, _LONG = 8, 13
_MOST_DATA = 8192
_ANSWER, _HOST_AT = 64, 4
_RIGHT, _PICTURE, _CLOSED, _VIEWER, _ADDRESSES = 0x00, 0x02, 0x07, 0x0C, 0x13
_CANCELLED = 0x0F
_ENDS = {0x01: "no longer shown", _CANCELLED: "permission cancelled"}
_USE = Capability.VOICE_VIDEO
_MOST_VIEWERS = 64


def recognise(peek: Peek) -> Claim | More | None:
    """Claim what begins with one of the four words and a packet's header."""
    if peek.transport != "tcp" or not peek.client:
        return None
    data = peek.client
    if data[:_TAG] not in TAGS:
        return MORE if any(tag.startswith(data) for tag in TAGS) else None
    head = data[_TAG : _TAG + _SHORT]
    if len(head) < _SHORT:
        return MORE if not head or head[0] in (_SHORT, _LONG) else None
    if head[0] not in (_SHORT, _LONG) or int.from_bytes(head[4:8]) > _MOST_DATA:
        return None
    return Claim("yahoo-webcam", evidence=data[:_TAG].decode())


class Session(Passing):
    """Both directions of one connection."""

    def __init__(self, start: Start) -> None:
        super().__init__()
        self.service = "yahoo"
        self._start = start
        self._tag = b""
        self._account = self._watched = ""
        self._greeted = False
        self._allowed: bool | None = None
        self._seen: set[str] = set()

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen. Packets have no mark: behind it is silence."""
        self._buffers[side].clear()
        if size <= self._skip[side]:
            self._skip[side] -= size
        else:
            self._deaf.add(side)
        return [Gap(size=size)]

    def _step(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        if side is Side.CLIENT and not self._tag:
            return self._opens(buffer)
        if not self._tag:
            raise WireError("an answer before the caller has spoken")
        if side is Side.SERVER and self._tag in _ASKS_SERVER:
            return self._server_named(buffer, told)
        return self._packet(side, buffer, told)

    def _opens(self, buffer: bytearray) -> bool:
        if len(buffer) < _TAG:
            return False
        self._tag = bytes(buffer[:_TAG])
        if self._tag not in TAGS:
            raise WireError("no word that opens a webcam connection")
        del buffer[:_TAG]
        return True

    def _server_named(self, buffer: bytearray, told: list[Output]) -> bool:
        size = buffer[0]
        if not _HOST_AT <= size <= _ANSWER:
            raise WireError(f"an answer of {size} bytes")
        if len(buffer) < size:
            return False
        host = words(bytes(buffer[_HOST_AT:size]).split(b"\0")[0])
        del buffer[:size]
        self.standing = Standing.PARSED
        if host:
            told.append(
                Expect(
                    protocol="yahoo-webcam",
                    purpose=_USE,
                    address=host,
                    port=PORT,
                    source=self._start.client.address,
                )
            )
        elif self._watched:
            told.append(self._answer(self._watched, "", accepted=False, reason="not shown"))
        return True

    # -- packets -------------------------------------------------------------------------------

    def _packet(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        size = buffer[0]
        if size not in (_SHORT, _LONG):
            raise WireError(f"a webcam packet's header of {size} bytes")
        if len(buffer) < size:
            return False
        reason, length = buffer[1], int.from_bytes(buffer[4:8])
        kind, value = (buffer[8], int.from_bytes(buffer[9:13])) if size == _LONG else (0, 0)
        if kind == _PICTURE:
            told += self._picture(side) if length else []
            passed = min(len(buffer), size + length)
            del buffer[:passed]
            self._skip[side] = size + length - passed
            return True
        if length > _MOST_DATA:
            raise WireError(f"{length} bytes in a webcam packet of kind {kind:#x}")
        if len(buffer) < size + length:
            return False
        data = words(bytes(buffer[size : size + length]))
        del buffer[: size + length]
        self.standing = Standing.PARSED
        if side is Side.CLIENT and not self._greeted:
            self._greeted = True
            told += self._caller(_fields(data))
        elif kind == _CLOSED:
            told += self._closed(side, reason)
        else:
            told += self._told(side, kind, value, data, typed=size == _LONG)
        return True

    def _caller(self, fields: dict[str, str]) -> list[Output]:
        self._account, self._watched = fields.get("u", ""), fields.get("g", "")
        told: list[Output] = []
        if key := fields.get("t"):
            told.append(
                Credential(
                    account=self._account, kind="token", scheme="yahoo-webcam-key", secret=key
                )
            )
            told.append(cookies.webcam_tie(key, self._account))
        told += _addresses(self._account, fields.get("i", ""))
        if self._tag == _WATCHES:
            told.append(
                Offer(
                    use=_USE, sender=self._account, recipient=self._watched, detail="asks to watch"
                )
            )
        return told

    def _told(self, side: Side, kind: int, value: int, data: str, *, typed: bool) -> list[Output]:
        fields = _fields(data)
        viewer = fields.get("u", "")
        if kind == _ADDRESSES:
            return _addresses(self._watched, fields.get("i", ""), fields.get("j", ""))
        if kind == _VIEWER and self._tag == _SHOWS:
            return self._shown_to(data.strip("\r\n\0"))
        if kind != _RIGHT or not typed:
            return []
        if self._tag == _SHOWS and viewer and side is Side.SERVER:
            asks = Offer(use=_USE, sender=viewer, recipient=self._account, detail="asks to watch")
            return [asks]
        if self._tag == _SHOWS and viewer:
            return [self._answer(self._account, viewer, accepted=value == 1)]
        if self._tag == _WATCHES and side is Side.SERVER and self._allowed is None:
            self._allowed = value != 0
            return [self._answer(self._watched, self._account, accepted=self._allowed)]
        return []

    def _closed(self, side: Side, reason: int) -> list[Output]:
        """Who still waits is told no; who was allowed to watch may be allowed no more."""
        if self._tag != _WATCHES or side is not Side.SERVER or self._allowed is False:
            return []
        if self._allowed and reason != _CANCELLED:
            return []
        self._allowed, why = False, _ENDS.get(reason, "closed")
        return [self._answer(self._watched, self._account, accepted=False, reason=why)]

    def _answer(
        self, sender: str, recipient: str, *, accepted: bool, reason: str = ""
    ) -> OfferAnswer:
        return OfferAnswer(
            use=_USE, sender=sender, recipient=recipient, accepted=accepted, reason=reason
        )

    def _picture(self, side: Side) -> list[Output]:
        """The first picture of a connection: somebody is seen."""
        self.standing = Standing.PARSED
        watched = self._tag == _WATCHES
        if side is not (Side.SERVER if watched else Side.CLIENT):
            return []
        sender = self._watched if watched else self._account
        return self._video(sender, self._account if watched else "")

    def _shown_to(self, viewer: str) -> list[Output]:
        return self._video(self._account, viewer) if viewer else []

    def _video(self, sender: str, recipient: str) -> list[Output]:
        if recipient in self._seen or len(self._seen) >= _MOST_VIEWERS:
            return []
        self._seen.add(recipient)
        return [WebcamVideo(sender=sender, recipient=recipient)]


def _fields(data: str) -> dict[str, str]:
    """Read lines such as `u=bob`; the first of equal names counts."""
    found: dict[str, str] = {}
    for line in data.split("\n")[:64]:
        name, mark, value = line.strip("\r\0 ").partition("=")
        if mark:
            found.setdefault(name, value)
    return found


def _addresses(account: str, *texts: str) -> list[Output]:
    hosts = dict.fromkeys(filter(None, map(address_of, texts)))
    return [
        PeerAddress(use=_USE, account=account, address=host, port=0, how="webcam") for host in hosts
    ]
