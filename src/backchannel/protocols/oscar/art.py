"""Buddy icons: SNAC family 0x10 (upload, download), and those sent along with messages.

Sources: iserverd snac_10_*; libpurple family_bart.c, util.c (aimutil_iconsum).
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


def picture(
    state: State,
    data: bytes,
    *,
    sender: str = "",
    recipient: str = "",
    md5: bytes = b"",
    id: str = "",  # noqa: A002 # the event's own word
    verified: bool | None = None,
) -> Iterator[Output]:
    """Hand a whole icon to the engine."""
    key = state.file_key()
    yield FileOpen(
        key=key,
        use=Capability.IMAGE,
        name="buddy icon",
        size=len(data),
        sender=sender,
        recipient=recipient,
        id=id,
        md5=md5.hex() if len(md5) == MD5_SIZE else "",
    )
    yield FileData(key=key, offset=0, data=data)
    yield FileClose(key=key, verified=verified)


def upload(state: State, reader: Reader, _snac: Snac) -> Iterator[Output]:
    """10/02: the client's user has a new icon."""
    reader.skip(2)
    if data := wire.text16(reader):
        yield from picture(state, data, sender=state.account)


def download(state: State, reader: Reader, _snac: Snac) -> Iterator[Output]:
    """10/05: somebody's icon."""
    owner, md5 = wire.name8(reader), _item(reader)
    if data := wire.text16(reader):
        yield from picture(state, data, sender=owner, recipient=state.account, md5=md5)


def download_icq(state: State, reader: Reader, _snac: Snac) -> Iterator[Output]:
    """10/07: the same for ICQ, with two identifiers: what was asked for and what comes."""
    owner, _ = wire.name8(reader), _item(reader)
    reader.skip(1)
    md5 = _item(reader)
    if data := wire.text16(reader):
        yield from picture(state, data, sender=owner, recipient=state.account, md5=md5)


def _item(reader: Reader) -> bytes:
    """Read an icon's identifier (kind u16, flags u8, hash8) and return the hash."""
    reader.skip(3)
    return reader.take(reader.u8())


def icon_sum(data: bytes) -> int:
    """Return the 16-bit checksum of an icon: little-endian words, the carry added once."""
    total = sum(data[::2]) + 256 * sum(data[1::2])
    return ((total >> 16) + (total & 0xFFFF)) & 0xFFFF


SNACS = {
    (0x10, 0x02): upload,
    (0x10, 0x05): download,
    (0x10, 0x07): download_icq,
}
