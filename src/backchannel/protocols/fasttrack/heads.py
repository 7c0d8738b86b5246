"""What FastTrack puts into HTTP heads: paths, `X-Kazaa-*` and `X-KazaaTag`. Values out."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from ipaddress import IPv4Address
from typing import Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from backchannel.events import Event, Peer, PeerAddress, SharedFile, Software
from backchannel.model import Capability
from backchannel.patterns import later
from backchannel.protocols.fasttrack import wire
from backchannel.protocols.fasttrack.events import Network
from backchannel.protocols.http.heads import Head

_OWN_SCHEME = later(r"FastTrack://[\d.]{7,15}:\d{1,5}(?=/)", re.IGNORECASE)
"""MLDonkey 2.4 asks with a whole URL of its own making (its fasttrackPandora.ml)."""
_BY_HASH = later(r"/\.hash=([0-9a-f]{40})(?:[0-9a-f]{32})?(?:/(.*))?", re.IGNORECASE | re.DOTALL)
_BY_NUMBER = later(r"/(?:\.download/)?(\d{1,10})[/.](.+)", re.DOTALL)
_ASKING = later(r"/|/\.(?:files|supernode|status|network)\b.*", re.DOTALL)
_ENDPOINT = later(r"(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5}))?")
_PROGRAM = later(r"([^\s/]+)[\s/]*(.*)", re.DOTALL)
_TAG = later(r"(\d{1,5})=(.*)", re.DOTALL)
VALUE = 256
"""Characters of a header's value that are told."""
_BASE64_HASH = 28
"""Characters of 20 bytes in base64."""


class Wanted(NamedTuple):
    """A file that a request asks for, by hash or by number."""

    name: str
    hash: str = ""
    number: str = ""

    @property
    def id(self) -> str:
        """What the request calls it."""
        return self.hash or self.number


def wanted(target: str) -> Wanted | None:
    """Return which file *target* asks for; None where it asks for something else."""
    target = _OWN_SCHEME.sub("", target, 1)
    if found := _BY_HASH.fullmatch(target):
        return Wanted(_plain(found[2] or ""), hash=found[1].lower())
    if found := _BY_NUMBER.fullmatch(target):
        return Wanted(_plain(found[2]), number=found[1])
    return None


def asks_listing(target: str) -> bool:
    """Whether *target* asks for what the node shares, or for its state."""
    return _ASKING.fullmatch(target) is not None


def _plain(path: str) -> str:
    return wire.text(unquote_to_bytes(path.encode("latin-1", "replace")))


def account(head: Head) -> str:
    """Return the user that sent *head*, as it says."""
    return head.get("x-kazaa-username")[:VALUE]


def disclosed(head: Head) -> list[Event]:
    """Return what the sender of *head* says of itself."""
    user = account(head)
    role: Literal["client", "server"] = "client" if head.request else "server"
    out: list[Event] = []
    if network := head.get("x-kazaa-network"):
        name = network[: wire.NAME_LIMIT]
        out.append(Network(name=name, role=role, account=user))
    if own := _endpoint(head.get("x-kazaa-ip")):
        use, (address, port) = Capability.FILE_TRANSFER, own
        out.append(PeerAddress(use=use, account=user, address=address, port=port, how="x-kazaa-ip"))
    if parent := _endpoint(head.get("x-kazaa-supernodeip")):
        out.append(Peer(address=parent[0], port=parent[1], role="supernode"))
    names = ("useragent", "user-agent") if head.request else ("server",)
    program = next(filter(None, map(head.get, names)), "")[:VALUE]
    if found := _PROGRAM.fullmatch(program):
        name, version = found.groups()
        out.append(Software(name=name, version=version, role=role, account=user))
    return out


def _endpoint(value: str) -> tuple[str, int] | None:
    """Read `address:port`; None for what is not one."""
    found = _ENDPOINT.fullmatch(value.strip())
    if found is None:
        return None
    try:
        address = str(IPv4Address(found[1]))
    except ValueError:
        return None
    port = int(found[2] or 0)
    return (address, port) if port < 65536 else None


def described(head: Head) -> SharedFile:
    """Return what the tags of an answer say of the file in it."""
    name, digest, details = "", "", []
    for line in head.all("x-kazaatag"):
        found = _TAG.fullmatch(line)
        if found is None:
            continue
        tag, value = int(found[1]), found[2]
        if tag == wire.FILE_HASH:
            digest = _hash(value)
        elif tag == wire.FILE_NAME:
            name = value
        elif label := wire.TAGS.get(tag):
            details.append(f"{label}={value}")
    return SharedFile(name=name, hash=digest, detail="; ".join(details))


def _hash(value: str) -> str:
    """Read a hash: `=` and base64 (giFT, KaZaA) or hexadecimal digits (MLDonkey)."""
    if re.fullmatch(r"[0-9a-fA-F]{40}", value):
        return value.lower()
    try:
        raw = b64decode(value.removeprefix("=")[:_BASE64_HASH], validate=True)
    except (Base64Error, ValueError):
        return ""
    return raw.hex() if len(raw) == 20 else ""
