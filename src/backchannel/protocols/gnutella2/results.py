"""Gnutella2 query hits: files that a node has, and who it is. Packets in, values out.

    QH2   NA address | GU node id 16 | V vendor 4 | FW | BH | NH hub address | UPRO(NICK) | H...
    H     URN scheme 00 digest | DN size u32le, name (or the name alone beside SZ) | SZ size
          | ID index u32le | URL | COM | MD

Shareaza QueryHit::ReadG2Packet; gtk-gnutella src/core/g2/build.c (g2_build_qh2_add).
"""

import msgspec

from backchannel.events import SharedFile
from backchannel.protocols.gnutella.ggep import base32
from backchannel.protocols.gnutella.vendors import vendor_name
from backchannel.protocols.gnutella2.tree import Packet, open_packet, payload
from backchannel.text import decode

MAX_NAME = 1024
MAX_FILES = 1024
_DIGESTS = {"sha1": 20, "bp": 44, "bitprint": 44, "ttr": 24, "tree:tiger/": 24, "ed2k": 16}
_DIGESTS |= {"md5": 16, "btih": 20}
_STATUS = {"FW": 0x01, "BUSY": 0x02}
"""The same in the first byte of SS, which Shareaza sent before it had packets for each."""
_TRAITS = {"FW": "firewalled", "BH": "browsable", "BUSY": "busy", "PCH": "chat", "TLS": "TLS"}


class Hit(msgspec.Struct):
    """One query hit."""

    servent: str = ""
    node: bytes = b""
    vendor: str = ""
    nickname: str = ""
    traits: tuple[str, ...] = ()
    hubs: list[bytes] = msgspec.field(default_factory=list)
    """Neighbouring hubs, which pass a push on."""
    files: tuple[SharedFile, ...] = ()

    @property
    def detail(self) -> str:
        """Program and traits in one line."""
        return ", ".join(part for part in (self.vendor, *self.traits) if part)


def read_hit(children: list[Packet]) -> Hit:
    """Read the children of a QH2."""
    hit, files = Hit(), list[SharedFile]()
    for child in children:
        name = child.name
        if name == "H" and len(files) < MAX_FILES:
            files.append(_file(open_packet(child)[0]))
        elif name == "GU":
            hit.servent = payload(child)[:16].hex()
        elif name in ("NA", "NI"):
            hit.node = payload(child)
        elif name == "V":
            hit.vendor = vendor_name(payload(child)[:4])
        elif name == "NH":
            hit.hubs.append(payload(child))
        elif name == "UPRO":
            inner = {part.name: part for part in open_packet(child)[0]}
            hit.nickname = decode(payload(inner["NICK"])[:120]) if "NICK" in inner else ""
    present = {child.name for child in children}
    status = next((payload(child)[:1] for child in children if child.name == "SS"), b"")
    present |= {name for name, bit in _STATUS.items() if status and status[0] & bit}
    hit.traits = tuple(trait for name, trait in _TRAITS.items() if name in present)
    hit.files = tuple(files)
    return hit


def _file(children: list[Packet]) -> SharedFile:
    found: dict[str, bytes] = {}
    digests = []
    for child in children:
        if child.name == "URN":
            digests.append(urn(payload(child)))
        else:
            found.setdefault(child.name, payload(child))
    name, size = found.get("DN", b""), found.get("SZ", b"")
    if not size:
        size, name = name[:4], name[4:]
    # A SHA-1 finds the file anywhere; the other digests of the same file are kept beside it.
    digests.sort(key=lambda digest: not digest.startswith(("urn:sha1:", "urn:bitprint:")))
    index = f"index {int.from_bytes(found['ID'][:4], 'little')}" if "ID" in found else ""
    return SharedFile(
        name=decode(name.rstrip(b"\0")[:MAX_NAME]),
        size=int.from_bytes(size[:8], "little"),
        hash=digests[0] if digests else "",
        detail=", ".join([*digests[1:8], index] if index else digests[1:8]),
    )


def urn(data: bytes) -> str:
    """Return the URN that *data* packs: a scheme, a zero byte, a binary digest."""
    name, _, digest = data.partition(b"\0")
    scheme = name.decode("latin-1").lower()
    size = _DIGESTS.get(scheme, 0)
    if not size or len(digest) < size:
        return ""
    digest = digest[:size]
    if size == 44:
        return f"urn:bitprint:{base32(digest[:20])}.{base32(digest[20:])}"
    if size == 24:
        return f"urn:tree:tiger/:{base32(digest)}"
    if scheme == "ed2k":
        return f"urn:ed2k:{digest.hex()}"
    return f"urn:{scheme}:{base32(digest) if size == 20 else digest.hex()}"
