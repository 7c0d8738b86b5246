"""Buddy art: icons and more in SNAC family 0x10 (upload, download), icons along with messages.

Sources: iserverd snac_10_*; libpurple family_bart.c, util.c (aimutil_iconsum); open-oscar-server
(mk6i, wire/snacs.go) for the kinds.
"""

from collections.abc import Iterator

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.model import Capability
from backchannel.protocols import Output
from backchannel.protocols.oscar import wire
from backchannel.protocols.oscar.state import State
from backchannel.protocols.oscar.wire import Snac
from backchannel.reader import Reader

MD5_SIZE = 16
ICON = "buddy icon"
_IMAGE = Capability.IMAGE
KINDS = {
    0x02: "status text",
    0x03: "arrival sound",
    0x04: "rich name",
    0x06: "radio station",
    0x0B: "location",
    0x0F: "current track",
    0x60: "departure sound",
    0x80: "message background",
    0x81: "message frame",
    0x82: "message skin",
    0x83: "message sound",
    0x84: "badge",
    0x86: "first message's sound",
    0x88: "wallpaper",
    0x89: "wallpaper",
    0x100: "contact list background",
    0x101: "contact list image",
    0x102: "contact list skin",
    0x400: "emoticon set",
    0x402: "certificates",
    0x403: "certificates",
    0x404: "certificate",
}
"""What an item is. All others are icons, of various sizes."""


def picture(
    state: State,
    data: bytes,
    *,
    sender: str = "",
    recipient: str = "",
    md5: bytes = b"",
    id: str = "",  # noqa: A002 # the event's own word
    verified: bool | None = None,
    kind: int = 1,
) -> Iterator[Output]:
    """Hand a whole icon, or other item of a *kind*, to the engine."""
    key = state.file_key()
    yield FileOpen(
        key=key,
        use=_IMAGE,
        name=KINDS.get(kind, ICON),
        size=len(data),
        sender=sender,
        recipient=recipient,
        id=id,
        md5=md5.hex() if len(md5) == MD5_SIZE else "",
    )
    yield FileData(key=key, offset=0, data=data)
    yield FileClose(key=key, verified=verified)


def upload(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """10/02: the client's user has a new icon."""
    kind = reader.u16()
    if data := wire.text16(reader):
        out += picture(state, data, sender=state.account, kind=kind)


def download(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """10/05: somebody's icon."""
    owner, (kind, md5) = wire.name8(reader), _item(reader)
    if data := wire.text16(reader):
        out += picture(state, data, sender=owner, recipient=state.account, md5=md5, kind=kind)


def download_icq(state: State, reader: Reader, _snac: Snac, out: list[Output]) -> None:
    """10/07: the same with two identifiers, what was asked for and what comes: ICQ, later AIM."""
    owner, _ = wire.name8(reader), _item(reader)
    reader.skip(1)
    kind, md5 = _item(reader)
    if data := wire.text16(reader):
        out += picture(state, data, sender=owner, recipient=state.account, md5=md5, kind=kind)


def _item(reader: Reader) -> tuple[int, bytes]:
    """Read an item's identifier (kind u16, flags u8, hash8) and return kind and hash."""
    kind = reader.u16()
    reader.skip(1)
    return kind, reader.take(reader.u8())


def icon_sum(data: bytes) -> int:
    """Return the 16-bit checksum of an icon: little-endian words, the carry added once."""
    total, octets, size = 0, data, len(data)
    for at in range(1, size, 2):
        total += octets[at - 1] | octets[at] << 8
    if size % 2:
        total += octets[size - 1]
    return ((total >> 16) + (total & 0xFFFF)) & 0xFFFF


SNACS = {
    (0x10, 0x02): upload,
    (0x10, 0x05): download,
    (0x10, 0x07): download_icq,
}
