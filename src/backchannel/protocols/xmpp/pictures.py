"""Pictures in the stream itself: Bits of Binary (XEP-0231), and those of people (XEP-0054, 0084).

Each is told once of whoever sends it. They are stanzas, and so no larger than one may be.
"""

import hashlib

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.model import Capability, Side
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.xmpp import names
from backchannel.protocols.xmpp.elements import Element
from backchannel.protocols.xmpp.state import Parties, State, parties
from backchannel.reader import WireError

AVATAR = "avatar"
_SHA1 = later(r"[0-9a-f]{40}")
_CID = later(r"sha1\+([0-9a-f]{40})@bob\.xmpp\.org")


def bits(state: State, side: Side, stanza: Element, data: Element) -> list[Output]:
    """`data` of an iq: what was asked for by its name, which is made of its SHA-1."""
    return piece(state, parties(state, side, stanza), data)


def piece(state: State, who: Parties, data: Element) -> list[Output]:
    """`data` of any stanza."""
    cid = data.get("cid")[:128]
    declared = _CID.fullmatch(cid)
    return _picture(state, who, data.text, cid, declared[1] if declared else "")


def avatar(state: State, who: Parties, text: str, name: str = "") -> list[Output]:
    """Somebody's picture in base64; the *name* of an item is its SHA-1 (XEP-0084)."""
    return _picture(state, who, text, AVATAR, name if _SHA1.fullmatch(name) else "")


def _picture(state: State, who: Parties, text: str, name: str, sha1: str) -> list[Output]:
    try:
        data = names.base64(text)
    except WireError:
        return []
    digest = hashlib.sha1(data).hexdigest()
    if not data or not state.changed("picture", f"{who.sender} {name}", digest):
        return []
    key = f"picture:{digest}"
    opened = FileOpen(
        key=key,
        use=Capability.IMAGE,
        name=name,
        size=len(data),
        sender=who.sender,
        recipient="" if who.recipient == who.sender else who.recipient,
        sha1=sha1,
    )
    return [opened, FileData(key=key, offset=0, data=data), FileClose(key=key)]
