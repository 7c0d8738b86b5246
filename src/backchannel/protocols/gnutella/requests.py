"""Servents' HTTP requests and answers: heads to events. Nothing here remembers anything."""

import re
from base64 import b32decode
from typing import Literal
from urllib.parse import parse_qsl, unquote

import msgspec

from backchannel.events import Anomaly, Download, Profile
from backchannel.model import Capability
from backchannel.patterns import later
from backchannel.protocols import Output
from backchannel.protocols.gnutella import webcache
from backchannel.protocols.gnutella.events import BrowseHost, HashTree, Refused
from backchannel.protocols.gnutella.handshake import addresses, normal
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.messages import expected
from backchannel.protocols.gnutella.vendors import software
from backchannel.protocols.http.heads import Head

Kind = Literal["download", "browse", "tree", "push", "cache", "other"]

_ABSOLUTE = later(r"https?://[^/\s]{1,255}(?=/|$)")
_GET = later(r"/get/(\d{1,10})/(.+)", re.DOTALL)
_N2R = later(r"/uri-res/N2R\?(urn:[\w:.-]{1,200})", re.IGNORECASE)
_TREE = later(
    r"/(?:uri-res/N2X|gnutella/(?:thex|tigertree)/v\d)\?(urn:[\w:./-]{1,200})", re.IGNORECASE
)
_PUSH = later(r"/(?:gnutella|gnet)/push-?proxy\?(.{1,255})", re.IGNORECASE)
_BROWSE = later(r"/(?:gnutella/browse/v\d)?/?(?:$|\?)")
_RESOURCE = later(r"/gnutella/res/(?:[A-Za-z]:|[\\/])")
_URN = later(r"urn:[\w.-]{1,32}:[\w.:/-]{1,160}", re.IGNORECASE)
_FILE_NAME = later(
    r"filename\*=\"?[\w-]{1,20}'[\w-]{0,20}'([^;\"]{1,1024})|filename=\"?([^;\"]{1,1024})",
    re.IGNORECASE,
)
_QUEUE = later(r"(position|length)\s*=\s*(\d{1,9})", re.IGNORECASE)
_GUID = later(r"[0-9A-Fa-f]{32}")
_PACKED_GUID = 26
"""Characters of 16 bytes in base 32."""
_FIREWALLED = later(r"(\d{1,5}):(\d+\.\d+\.\d+\.\d+|\[[0-9A-Fa-f:.]+\])\s*(?:;|$)")


class Request(msgspec.Struct, frozen=True):
    """What a request asks for."""

    kind: Kind
    target: str
    name: str = ""
    """Of a push: the servent that shall connect, in hexadecimal."""
    urn: str = ""
    index: int = 0
    first: int = 0
    """The first byte that is wanted of a download."""
    traversal: bool = False
    """The target climbs out of the shared folder."""


def read_request(head: Head) -> Request:
    """Tell what *head* asks for."""
    target = _ABSOLUTE.sub("", head.target, 1) or "/"
    plain = unquote(target)
    climbs = ".." in re.split(r"[/\\?]", plain) or _RESOURCE.match(plain) is not None
    first, _ = head.wanted_range or (0, None)
    if found := _GET.match(target):
        urn = _urn(head)
        # Clip2's description of 0.4 puts a slash behind the name.
        name = unquote(found[2].removesuffix("/"))[:1024]
        return Request("download", target, name, urn, first=first, traversal=climbs)
    if found := _N2R.match(target):
        return Request("download", target, "", found[1], first=first, traversal=climbs)
    if found := _TREE.match(target):
        return Request("tree", target, "", found[1], traversal=climbs)
    if (found := _PUSH.match(target)) and (pushed := _pushed(found[1])):
        return Request("push", target, pushed[0], index=pushed[1], traversal=climbs)
    if _BROWSE.match(target):
        return Request("browse", target, traversal=climbs)
    if webcache.request(head.target, "", Memory()):
        return Request("cache", target, traversal=climbs)
    return Request("other", target, traversal=climbs)


def _pushed(query: str) -> tuple[str, int] | None:
    """Return the servent that a push proxy shall alert, and the file's index; None without one.

    `guid` is hexadecimal, `ServerId` base 32 (LimeWire's HttpPushRequestHandler).
    """
    fields = {name.lower(): value for name, value in parse_qsl(query)}
    servent, packed = fields.get("guid", "").lower(), fields.get("serverid", "").rstrip("=")
    if not servent and len(packed) == _PACKED_GUID:
        try:
            servent = b32decode(packed.upper() + "=" * 6).hex()
        except ValueError:  # not in the alphabet
            return None
    index = fields.get("file", "")
    number = int(index) if index.isascii() and index.isdigit() and len(index) < 11 else 0
    return (servent, number) if _GUID.fullmatch(servent) else None


def tell(request: Request, head: Head, memory: Memory) -> list[Output]:
    """Return the events of a request."""
    out: list[Output] = []
    if request.kind == "download":
        first, last = head.wanted_range or (0, None)
        name = request.name or memory.names.of(request.urn)
        out.append(Download(name=name, hash=request.urn, first=first, last=last))
    elif request.kind == "tree":
        out.append(HashTree(hash=request.urn, target=request.target[:255]))
    elif request.kind == "browse":
        out.append(BrowseHost(target=request.target[:255]))
    elif request.kind == "cache":
        out += webcache.request(head.target, head.get("host"), memory)
    elif request.kind == "push":
        for address, port in addresses(_values(head, "x-node", "x-node-ipv6"), 2):
            out += memory.disclosed("push", [(address, port)])
            out.append(expected(address, port, request.name, request.index))
    if request.traversal:
        out.append(Anomaly(kind="path-traversal", detail=request.target[:255]))
    return out


def answered(request: Request, head: Head) -> list[Output]:
    """Return what the answer's status says about *request*."""
    if request.traversal and head.status in (200, 206):
        return [Anomaly(kind="path-traversal-succeeded", detail=request.target[:255])]
    if head.status < 400 or request.kind not in ("download", "browse", "push"):
        return []
    queue = {
        name.lower(): int(number)
        for name, number in _QUEUE.findall(f"{head.get('x-queue')},{head.get('x-queued')}")
    }
    told = Refused(
        status=head.status,
        reason=head.reason[:255],
        position=queue.get("position", 0),
        length=queue.get("length", 0),
    )
    return [told]


def place(request: Request, head: Head, *, early: bool) -> tuple[int, int | None] | None:
    """Return where the body's first byte belongs in the file, and the file's size.

    None for what cannot be placed: several ranges at once, or bytes sent in reverse. *early*: the
    answer is one of the first programs', which begins where it was asked to, and still tells the
    size of the whole file (gtk-gnutella's first uploads.c and downloads.c).
    """
    if "multipart" in head.get("content-type").lower() or "backwards" in head.get(
        "content-encoding"
    ):
        return None
    if held := head.content_range:
        return held[0], held[2]
    if early and head.status == 200:
        return request.first, head.length
    if head.status == 206:
        return None
    coded = head.get("content-encoding").lower() not in ("", "identity")
    return 0, None if coded else head.length


def file_urn(request: Request, head: Head) -> str:
    """Return the URN of the file that an answer holds."""
    return _urn(head) or request.urn


def _urn(head: Head) -> str:
    """Return the best URN in the head: one that names a SHA-1 before any other."""
    text = _values(head, "x-gnutella-content-urn", "x-content-urn", "content-urn")
    found = [match[0] for match in _URN.finditer(text)]
    found.sort(key=lambda urn: not urn.lower().startswith(("urn:sha1:", "urn:bitprint:")))
    return found[0] if found else ""


def _values(head: Head, *names: str) -> str:
    """Return all values of the headers of these names, joined by commas."""
    return ", ".join(value for key, value in head.headers if key in names)[:16_384]


def file_name(request: Request, head: Head) -> str:
    """Return the name that the answer gives the file, or else the one that was asked for."""
    found = _FILE_NAME.search(head.get("content-disposition"))
    return unquote(found[1] or found[2]) if found else request.name


def disclosures(head: Head, memory: Memory) -> list[Output]:
    """Return the programs, people and addresses that any head tells."""
    out: list[Output] = []
    servent = head.get("x-guid").lower()[:32]
    agent = head.get("user-agent") or head.get("server")
    if (named := software(agent, servent)) and memory.first(f"agent {agent} {head.request}"):
        out.append(named)
    own = addresses(_values(head, "x-node", "x-node-ipv6", "x-listen-ip", "node", "listen-ip"), 2)
    out += memory.disclosed("x-node", own, servent)
    if seen := normal(head.get("remote-ip") or head.get("x-remote-ip")):
        out += memory.disclosed("remote-ip", [(seen, 0)])
    chat = addresses(head.get("chat"), 1)
    out += memory.disclosed("chat", chat, servent, use=Capability.MESSAGE)
    out += _alternates(head, memory) + _firewalled(head, memory)
    nickname = unquote(head.get("x-nick") or head.get("x-name") or head.get("x-username"))[:120]
    if nickname and memory.first(f"nick {nickname}"):
        out.append(Profile(account=servent or nickname, nickname=nickname))
    return out


_ALTERNATES = (
    ("alternate", ("x-alt", "x-gnutella-alternate-location", "alt-location")),
    ("failed-alternate", ("x-nalt",)),
    ("push-proxy", ("x-push-proxy", "x-push-proxies", "x-pushproxies")),
)


def _alternates(head: Head, memory: Memory) -> list[Output]:
    out: list[Output] = []
    for how, names in _ALTERNATES:
        if values := _values(head, *names):
            out += memory.disclosed(how, addresses(values))
    for entry in _values(head, "x-falt", "x-nfalt").split(",")[:256]:
        out += _behind_proxies(entry, memory)
    return out


def _behind_proxies(entry: str, memory: Memory) -> list[Output]:
    """`<servent>;[fwt/1;][port:IP;]proxy;proxy`: somebody behind a firewall, and who reaches it."""
    found = _GUID.search(entry)
    servent = found[0].lower() if found else ""
    out: list[Output] = []
    for port, address in _FIREWALLED.findall(entry):
        if (usable := normal(address)) and 0 < int(port) < 65_536:
            out += memory.disclosed("firewalled", [(usable, int(port))], servent)
    proxies = addresses(_FIREWALLED.sub("", entry))
    return out + memory.disclosed("push-proxy", proxies, servent)


def _firewalled(head: Head, memory: Memory) -> list[Output]:
    info = head.get("x-fw-node-info")
    return _behind_proxies(info[:4096], memory) if info else []
