"""What MSNSLP invites to: the table of EUF-GUIDs, and what their contexts say.

Sources: NINA wiki `MSNC`, aMSN `msnp2p.tcl` and `msncam.tcl`, libpurple `msn.h` and `xfer.c`,
MSNPSharp `enums.cs`.
"""

import re
from base64 import b64decode
from binascii import Error

import msgspec

from backchannel.model import Capability
from backchannel.reader import Reader, WireError
from backchannel.text import decode

_NAME_SIZE = 520
_CONTEXT_V2 = 574
_OWN_DISK = re.compile(r"\.\.[\\/]|^[A-Za-z]:[\\/]|^[\\/]{1,2}\w")
_ATTRIBUTE = re.compile(r"(\w{1,20})=\"([^\"]{0,2048})\"")


class Application(msgspec.Struct, frozen=True):
    """A kind of session."""

    name: str
    use: Capability


FILE = Application("file transfer", Capability.FILE_TRANSFER)
OBJECT = Application("object", Capability.IMAGE)
WEBCAM = Application("webcam", Capability.VOICE_VIDEO)
GAME = Application("game", Capability.GAME)

APPLICATIONS = {
    "5D3E02AB-6190-11D3-BBBB-00C04F795683": FILE,
    "A4268EEC-FEC5-49E5-95C3-F126696BDBF6": OBJECT,
    "4BD96FC0-AB17-4425-A14A-439185962DC8": WEBCAM,
    "1C9AA97E-9C05-4583-A3BD-908A196F1E92": Application(
        "request for webcam", Capability.VOICE_VIDEO
    ),
    "6A13AF9C-5308-4F35-923A-67E8DDA40C2F": GAME,
    "E073B06B-636E-45B7-ACA4-6D4B5978C93C": Application("wink", Capability.IMAGE),
    "534142D5-1F2A-431F-A60C-B0CF723FDF7D": Application("shared folder", Capability.FILE_SHARING),
    "41D3E74E-04A2-4B37-96F8-08ACDB610874": Application("photo sharing", Capability.IMAGE),
}
UNKNOWN = Application("unknown application", Capability.FILE_TRANSFER)

OBJECT_TYPES = {
    "2": "custom emoticon",
    "3": "display picture",
    "4": "shared file",
    "5": "background",
    "7": "animated display picture",
    "8": "wink",
    "11": "voice clip",
    "12": "plug-in state",
    "14": "location",
}


class Context(msgspec.Struct, frozen=True):
    """What an invitation's context says."""

    name: str = ""
    size: int = 0
    detail: str = ""
    sha1: str = ""
    """Hexadecimal, of the object's bytes."""
    preview: bytes = b""
    owner: str = ""
    """Who made the object."""
    location: str = ""
    """The object's file name on its owner's disk, as sent."""


def application(guid: str) -> Application:
    """Return what an EUF-GUID stands for."""
    return APPLICATIONS.get(guid.strip().strip("{}").upper(), UNKNOWN)


def unpack(text: str) -> bytes:
    """Undo base64 that may lack its padding; b'' if it is not base64."""
    text = "".join(text.split())
    try:
        return b64decode(text + "=" * (-len(text) % 4))
    except (Error, ValueError):
        return b""


def context(kind: Application, text: str) -> Context:
    """Read the context of an invitation; what cannot be read is left empty."""
    data = unpack(text)
    if kind is FILE:
        return _file(data)
    if kind.use is Capability.IMAGE:
        return stored_object(decode(data))
    if kind is GAME:
        return _game(data)
    return Context(detail=_utf16(data)[:200] if kind.use is Capability.VOICE_VIDEO else "")


def _file(data: bytes) -> Context:
    """Fields: length u32 | version u32 | size u64 | type u32 | name 260 UTF-16 | ... | preview."""
    reader = Reader(data)
    try:
        length, version, size, kind = (
            reader.u32le(),
            reader.u32le(),
            reader.u64le(),
            reader.u32le(),
        )
        name = _utf16(reader.take(min(_NAME_SIZE, len(reader))))
    except WireError:
        return Context()
    # Version 2 of some clients counts the preview in; its fixed part is always 574 bytes.
    start = length if version == 3 and _CONTEXT_V2 <= length <= len(data) else _CONTEXT_V2
    preview = data[start:] if kind == 0 else b""
    return Context(name=name, size=size, preview=preview)


def stored_object(xml: str) -> Context:
    """Read `<msnobj Creator= Size= Type= Location= Friendly= SHA1D= SHA1C=/>`."""
    found = dict(_ATTRIBUTE.findall(xml[:8192]))
    size = found.get("Size", "")
    friendly = _utf16(unpack(found.get("Friendly", ""))).strip("\0")
    location = found.get("Location", "")
    return Context(
        name=friendly or location,
        size=int(size) if size.isascii() and size.isdigit() and len(size) < 16 else 0,
        detail=OBJECT_TYPES.get(found.get("Type", ""), "object"),
        sha1=unpack(found.get("SHA1D", "")).hex() if found.get("SHA1D") else "",
        owner=found.get("Creator", "").lower(),
        location=location,
    )


def _game(data: bytes) -> Context:
    """`AppID;Type;Name` in UTF-16, such as `1001;1;Tic Tac Toe`."""
    parts = _utf16(data).strip().split(";", 2)
    return Context(name=parts[-1][:200], detail=";".join(parts[:-1])[:200])


def _utf16(data: bytes) -> str:
    return data.decode("utf-16-le", "replace").partition("\0")[0]


def leaves_folder(name: str) -> bool:
    """Whether a file name is a path: of another folder, drive or share than the one meant."""
    return _OWN_DISK.search(name) is not None
