"""Messages of a FastTrack session to events. One small function per message, one table below.

Told by giFT-FastTrack (PROTOCOL, src/fst_fasttrack.c, src/fst_search.c; commit a647525) and
MLDonkey (src/networks/fasttrack/fasttrackProto.ml); where they differ the function says so.
Lists in a message are bounded by its 64 KiB.
"""

from collections.abc import Callable, Iterator

from backchannel.effects import Expect
from backchannel.events import (
    Anomaly,
    Offer,
    Peer,
    PeerAddress,
    Search,
    SearchHit,
    Share,
    SharedFile,
    SignOn,
    Software,
)
from backchannel.model import Capability, Endpoint, Side
from backchannel.protocols import Output
from backchannel.protocols.fasttrack import wire
from backchannel.protocols.fasttrack.announced import Known
from backchannel.protocols.fasttrack.events import Network, NetworkSettings, NetworkSize, Unshare
from backchannel.protocols.fasttrack.framing import Frame
from backchannel.reader import Reader, WireError

NODES = 200
"""Supernodes in one list as KaZaA sends it; more overran its clients (CVE-2003-0397)."""
MEDIA = ("", "audio", "video", "image", "document", "software")
_REALMS = {0x21: "audio", 0x22: "video", 0x23: "image", 0x24: "document", 0x25: "software"}
_COMPARE = {0: "=", 2: "<=", 3: "~", 4: ">=", 5: ""}
_HIDDEN_TERM = 6
_TRANSFER_LIFETIME = 3600
ANNOUNCED = 4096
"""Addresses that one session announces."""
NAMES = 256
"""Names of files that it remembers, to tell them to the transfers that it announces."""
NAME_SIZE = 256
SUPERNODES = 8192
"""Supernodes that one session remembers to have told."""
_UNICAST, _BROADCAST = 0x80, 0xC0


class Link:
    """What is known of both ends of one session; the functions below read and add to it."""

    def __init__(self, client: Endpoint, server: Endpoint) -> None:
        self.client, self.server = client, server
        self.user = ""
        """Name of the node that asked to be let in."""
        self.networks = {Side.CLIENT: "", Side.SERVER: ""}
        self.super_client = False
        """True once the client, too, was seen to be a supernode."""
        self._names: dict[str, str] = {}
        self._announced: set[tuple[str, int]] = set()
        self._supernodes: set[tuple[str, int]] = set()

    def supernode(self, address: str, port: int) -> Iterator[Peer]:
        """Yield a supernode, once."""
        place = address, port
        if place not in self._supernodes:
            if len(self._supernodes) < SUPERNODES:
                self._supernodes.add(place)
            yield Peer(address=address, port=port, role="supernode")

    def know(self, *files: SharedFile) -> None:
        """Remember what files are called: whoever fetches them names only their hash."""
        self._names.update((file.hash, file.name[:NAME_SIZE]) for file in files if file.name)
        while len(self._names) > NAMES:
            del self._names[next(iter(self._names))]

    def announce(self, address: str, port: int, account: str) -> Iterator[Expect]:
        """Yield, once for each address, that files are fetched there by HTTP."""
        place = address, port
        if not port or place in self._announced or len(self._announced) >= ANNOUNCED:
            return
        self._announced.add(place)
        yield Expect(
            protocol="fasttrack",
            purpose=Capability.FILE_TRANSFER,
            address=address,
            port=port,
            accounts=(account,) if account else (),
            context=Known(names=tuple(self._names.items())),
            lifetime=_TRANSFER_LIFETIME,
            repeat=True,
        )


Told = Iterator[Output]


def tell(link: Link, side: Side, frame: Frame) -> Told:
    """Yield what *frame* of *side* means. Raises WireError where its body is broken."""
    reader = Reader(frame.body)
    if frame.flags in (_UNICAST, _BROADCAST):
        yield from _routed(link, frame.flags, reader)
    elif frame.flags:
        return
    if (function := MESSAGES.get(frame.kind)) is not None:
        yield from function(link, side, reader)


def _routed(link: Link, flags: int, reader: Reader) -> Told:
    """A message on its way between supernodes: who sent it, and for whom it is meant."""
    yield from _supernode(link, reader)
    if flags == _UNICAST:
        yield from _supernode(link, reader)
    else:
        reader.skip(2)
    reader.skip(1)  # hops so far
    yield from _promoted(link)


def _promoted(link: Link) -> Told:
    if not link.super_client:
        link.super_client = True
        yield from link.supernode(link.client.address, link.client.port)


def _supernode(link: Link, reader: Reader) -> Told:
    yield from link.supernode(reader.ipv4(), reader.u16())


def _nodes(link: Link, _side: Side, reader: Reader) -> Told:
    count = len(reader) // 8
    if count > NODES:
        yield Anomaly(kind="oversized-supernode-list", detail=f"{count} entries (CVE-2003-0397)")
    for _ in range(count):
        yield from _supernode(link, reader)
        reader.skip(2)  # minutes since it was seen, load in percent


def _neighbours(link: Link, side: Side, reader: Reader) -> Told:
    if side is Side.CLIENT:
        yield from _promoted(link)
    while reader:
        yield from _supernode(link, reader)
        reader.skip(20)


def _user(link: Link, _side: Side, reader: Reader) -> Told:
    address, port = reader.ipv4(), reader.u16()
    reader.skip(2)  # bandwidth on a logarithmic scale; unknown
    name = wire.text(reader.rest())
    if name != link.user:
        link.user = name
        network = link.networks[Side.CLIENT] or link.networks[Side.SERVER]
        yield SignOn(account=name, method="unverified", client=network)
    yield _address(name, address, port, "user-information")


def _address(account: str, address: str, port: int, how: str) -> PeerAddress:
    use = Capability.FILE_SHARING
    return PeerAddress(use=use, account=account, address=address, port=port, how=how)


def _share(link: Link, _side: Side, reader: Reader) -> Told:
    reader.skip(1)
    media = reader.u8()
    reader.skip(2)
    kind = MEDIA[media] if media < len(MEDIA) else f"media type {media}"
    file = wire.read_file(reader, kind)
    link.know(file)
    yield Share(owner=link.user, files=(file,))


def _unshare(link: Link, _side: Side, reader: Reader) -> Told:
    yield Unshare(owner=link.user, file=wire.read_file(reader))


def _search(link: Link, _side: Side, reader: Reader) -> Told:
    reader.skip(2)
    most = reader.u16()
    yield _query(reader, link.user, [f"at most {most} results"])


def _forwarded_search(link: Link, _side: Side, reader: Reader) -> Told:
    reader.skip(4)
    yield _query(reader, "", ["forwarded between supernodes"])
    yield from _promoted(link)


def _query(reader: Reader, account: str, details: list[str]) -> Search:
    """Read the search id, the kind of files and the terms."""
    number = reader.u16()
    reader.skip(1)
    kind = _REALMS.get(reader.u8() & 0x7F, "everything")
    terms = []
    for _ in range(reader.u8()):
        compare = reader.u8()
        tag, value = wire.tagged(reader)
        if compare != _HIDDEN_TERM:
            terms.append(_term(compare, tag, value))
    detail = "; ".join([kind, *details])
    return Search(text=" ".join(terms), id=str(number), account=account, detail=detail)


def _term(compare: int, tag: int, value: bytes) -> str:
    name, shown = wire.TAGS.get(tag, f"tag {tag:#x}"), wire.told(tag, value)
    sign = _COMPARE.get(compare, "?")
    return f"{name}{sign or ':'}{shown}" if name else shown


def _hits(link: Link, _side: Side, reader: Reader) -> Told:
    """Results of one supernode. A name is told once and then replaced by 02 (src/fst_search.c)."""
    yield from _supernode(link, reader)
    number, count = str(reader.u16()), reader.u16()
    names: dict[tuple[str, int], str] = {}
    found: dict[tuple[str, int], list[SharedFile]] = {}
    broken: WireError | None = None
    try:
        for _ in range(count):
            owner = reader.ipv4(), reader.u16()
            reader.skip(1)  # bandwidth
            name = _owner(reader)
            names[owner] = name or names.get(owner, "")
            found.setdefault(owner, []).append(wire.read_file(reader))
    except WireError as error:  # the results before it still stand
        broken = error
    for (address, port), files in found.items():
        owner_name = names[address, port]
        yield SearchHit(owner=owner_name, address=address, port=port, id=number, files=tuple(files))
        link.know(*files)
        yield from link.announce(address, port, owner_name)
    if broken is not None:
        raise broken


def _owner(reader: Reader) -> str:
    """Read `user 01 network 00`, or the 02 that stands for an owner named before."""
    if reader.peek(1) == b"\2":
        reader.skip(1)
        return ""
    user = reader.until(b"\1", 256)
    reader.until(b"\0", 256)
    return wire.text(user)


def _size(_link: Link, _side: Side, reader: Reader) -> Told:
    users, files = reader.u32(), reader.u32()
    mantissa, exponent = reader.u16(), reader.u16()
    shift = min(max(exponent - 30, -16), 30)
    gigabytes = mantissa << shift if shift >= 0 else mantissa >> -shift
    yield NetworkSize(users=users, files=files, gigabytes=gigabytes)


def _push(link: Link, side: Side, reader: Reader) -> Told:
    """Asks a node that cannot be reached to connect to somebody; only the asker names it."""
    number, address, port = str(reader.u32()), reader.ipv4(), reader.u16()
    pusher = ""
    if reader:
        pushing = reader.ipv4(), reader.u16()
        yield from _supernode(link, reader)
        pusher = wire.text(reader.rest())
        yield _address(pusher, *pushing, "push-request")
    asker = link.user if side is Side.CLIENT else ""
    if side is Side.SERVER:
        pusher = pusher or link.user
    yield Offer(
        use=Capability.FILE_TRANSFER, sender=asker, recipient=pusher, id=number, detail="push"
    )
    yield _address(asker, address, port, "push-request")
    yield from link.announce(address, port, asker)


def _udp(_link: Link, _side: Side, reader: Reader) -> Told:
    yield Peer(address=reader.ipv4(), port=reader.u16())


def _network(link: Link, side: Side, reader: Reader) -> Told:
    """A second name; both ends have told theirs in the handshake, so only a new one is news."""
    name = wire.text(reader.rest())
    if name and name != link.networks[side]:
        link.networks[side] = name
        client = side is Side.CLIENT
        account = link.user if client else ""
        yield Network(name=name, role="client" if client else "server", account=account)


def _version(_link: Link, side: Side, reader: Reader) -> Told:
    version, client = str(reader.u32()), side is Side.CLIENT
    yield Software(name="FastTrack library", version=version, role="client" if client else "server")


def _settings(_link: Link, _side: Side, reader: Reader) -> Told:
    """`field:value` strings amid data of which little is known, so they are picked out."""
    found = [part for part in reader.rest().split(b"\0") if b":" in part[1:] and wire.is_name(part)]
    if found:
        yield NetworkSettings(settings=tuple(map(wire.text, found[:64])))


def _random_files(link: Link, _side: Side, reader: Reader) -> Told:
    """Some files of one user: genre, artist and title each (PROTOCOL, 0x21)."""
    reader.skip(3)
    address, port = reader.ipv4(), reader.u16()
    yield from _supernode(link, reader)
    reader.skip(3)
    owner, files = _owner(reader), []
    while len(reader) > 2:
        reader.skip(2)
        genre, artist, title = (wire.text(reader.until(b"\0", 256)) for _ in range(3))
        detail = "; ".join(
            f"{name}={value}" for name, value in (("genre", genre), ("artist", artist)) if value
        )
        files.append(SharedFile(name=title, detail=detail))
    yield Share(owner=owner, files=tuple(files))
    yield _address(owner, address, port, "random-files")


def _external(link: Link, _side: Side, reader: Reader) -> Told:
    yield _address(link.user, reader.ipv4(), 0, "external-address")


MESSAGES: dict[int, Callable[[Link, Side, Reader], Told]] = {
    0x00: _nodes,
    0x01: _neighbours,
    0x02: _user,
    0x05: _unshare,
    0x06: _search,
    0x07: _hits,
    0x09: _size,
    0x0A: _forwarded_search,
    0x0B: _forwarded_search,
    0x0D: _push,
    0x15: _udp,
    0x1D: _network,
    0x1F: _settings,
    0x21: _random_files,
    0x22: _share,
    0x24: _size,
    0x26: _version,
    0x2C: _external,
}
