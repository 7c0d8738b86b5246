"""The extension protocol (BEP 10): what peers agree on beyond pieces, and say that way.

    0   d | m: names and the numbers to use for them | p listening port | v program | yourip ..
    n   ut_metadata: the info dictionary (BEP 9)      ut_pex: other peers (BEP 11)
        ut_holepunch: meet that peer now (BEP 55)     lt_donthave, upload_only ..: counted

Each side chooses the numbers by which the other calls its extensions. Held: NAMES numbers a side,
one info dictionary on its way, REMEMBERED addresses that were told.
"""

import re
from typing import NamedTuple

from backchannel.effects import Remember
from backchannel.events import Peer as Member
from backchannel.events import PeerAddress, Share, SharedFile, Software
from backchannel.model import Capability, Endpoint, Side
from backchannel.patterns import later
from backchannel.protocols import Output, bencode
from backchannel.protocols.bencode import Dict, octets
from backchannel.protocols.bittorrent import torrent
from backchannel.protocols.bittorrent.events import Torrent
from backchannel.protocols.bittorrent.meeting import meet
from backchannel.protocols.bittorrent.metadata import Assembly
from backchannel.protocols.compact import V4, V6, addresses, text
from backchannel.reader import Reader, WireError, cut
from backchannel.text import utf8

NAMES = 32
REMEMBERED = 1024
LISTED = 256
"""Files of a torrent that are named."""
EXCHANGED = 200
"""Peers of one message that are told: programs send up to 50."""
_SHOWN = 64
_SEED = 0x02
_CONNECT = 1
_PROGRAM = later(r"(.{1,64}?)[/ ]+v?(\d\S{0,31})\s*", re.DOTALL)


class Known(NamedTuple):
    """What extensions have to know of a connection."""

    ends: tuple[Endpoint, Endpoint]
    peers: list[str]
    """Peer ids of client and server, as far as they were seen."""


class Extensions:
    """Both sides' extensions."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._names: list[dict[int, str]] = [{}, {}]
        """What the numbers stand for in messages to each side."""
        self._assembly = Assembly()
        self._told: set[tuple[str, str, int]] = set()
        self.info: torrent.Info | None = None
        self.hash = b""
        """The info hash; empty where no handshake was seen."""

    def name(self, side: Side, number: int) -> str:
        """Return what a message of *side* is, by its number."""
        if not number:
            return "extension-handshake"
        names = self._names[side.other]
        return names.get(number, "")

    def take(self, side: Side, body: bytes) -> list[Output]:
        """Take the body of an extended message. Raises WireError where it is broken."""
        name, rest = self.name(side, body[0]), cut(body, 1, len(body))
        if name == "extension-handshake":
            return self._handshake(side, rest)
        if name == "ut_metadata":
            return self._metadata(side, rest)
        if name == "ut_pex":
            return self._exchange(side, rest)
        return self._holepunch(side, rest) if name == "ut_holepunch" else []

    def _is_new(self, what: str, address: str, port: int) -> bool:
        """Whether it was not told yet; the memory starts afresh when it is full."""
        key = what, address, port
        if key in self._told:
            return False
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told.add(key)
        return True

    # -- the handshake -------------------------------------------------------------------------

    def _handshake(self, side: Side, body: bytes) -> list[Output]:
        said, _ = bencode.read(body)
        if not isinstance(said, dict):
            raise WireError("an extension handshake that is no dictionary")
        names = self._names[side]
        for name, number in bencode.inner(said, b"m").items():
            if isinstance(number, int) and 0 < number < 256 and len(names) < NAMES:
                names[number] = utf8(cut(name, 0, _SHOWN))
        out: list[Output] = []
        self._program(side, said, out)
        self._addresses(side, said, out)
        return out

    def _program(self, side: Side, said: Dict, out: list[Output]) -> None:
        words = utf8(cut(octets(said, b"v"), 0, _SHOWN))
        if not words or not self._is_new("program", words, side):
            return
        found = _PROGRAM.fullmatch(words)
        name, version = found.groups() if found else (words, "")
        account = self._known.peers[side]
        out.append(Software(name=name, version=version, role="peer", account=account))

    def _addresses(self, side: Side, said: Dict, out: list[Output]) -> None:
        """Tell where the side listens, its other addresses, and how it sees the other side."""
        own = self._known.ends[side].address
        port = bencode.number(said, b"p")
        port = port if 0 < port <= 0xFFFF else 0
        if port:
            self._address(side, own, port, "listening-port", out)
        for key in (b"ipv4", b"ipv6"):
            address = text(octets(said, key))
            if address and address != own:
                self._address(side, address, port, "extension-handshake", out)
        seen = text(octets(said, b"yourip"))
        if seen and seen != self._known.ends[side.other].address:
            self._address(side.other, seen, 0, "seen-as", out)

    def _address(self, whose: Side, address: str, port: int, how: str, out: list[Output]) -> None:
        if not self._is_new(how, address, port):
            return
        told = PeerAddress(
            use=Capability.FILE_SHARING,
            account=self._known.peers[whose],
            address=address,
            port=port,
            how=how,
        )
        out.append(told)
        if port:
            out += meet(address, port)

    # -- what they say by it -------------------------------------------------------------------

    def _exchange(self, side: Side, body: bytes) -> list[Output]:
        """Tell peers that *side* tells the other, who may meet them."""
        said, _ = bencode.read(body)
        if not isinstance(said, dict):
            raise WireError("ut_pex without a dictionary")
        out: list[Output] = []
        asker = self._known.ends[side.other].address
        for key, size in ((b"added", V4), (b"added6", V6)):
            packed, flags = octets(said, key), octets(said, key + b".f")
            for number in range(min(len(packed) // size, EXCHANGED)):
                role = "seed" if flags[number : number + 1] and flags[number] & _SEED else "peer"
                entry = packed[number * size : (number + 1) * size]
                for address, port in addresses(entry, size, 1):
                    if self._is_new("exchange", address, port):
                        out.append(Member(address=address, port=port, role=role))
                        out += meet(address, port, asker)
        return out

    def _holepunch(self, side: Side, body: bytes) -> list[Output]:
        """Tell whom the other side is to meet at once, over uTP."""
        reader = Reader(body)
        kind, family = reader.u8(), reader.u8()
        address, port = text(reader.take(16 if family else 4)), reader.u16()
        if kind != _CONNECT or not port or not self._is_new("holepunch", address, port):
            return []
        told = PeerAddress(
            use=Capability.FILE_SHARING,
            account="",
            address=address,
            port=port,
            transport="udp",
            how="holepunch",
        )
        return [told, *meet(address, port, self._known.ends[side.other].address, tcp=False)]

    def _metadata(self, side: Side, body: bytes) -> list[Output]:
        """Put the info dictionary together; tell what it says, if it is the one asked for."""
        whole = self._assembly.take(body)
        if whole is None or self.info is not None or not self.hash:
            return []
        if not torrent.agrees(whole, self.hash):
            raise WireError("an info dictionary that does not agree with the info hash")
        self.info = info = torrent.read_info(whole)
        found = self.hash.hex()
        files = tuple(
            SharedFile(name=part.name, size=part.size, hash=found)
            for part in info.files[:LISTED]
            if not part.filler
        )
        told = Torrent(
            hash=found,
            name=info.name,
            size=info.size,
            files=sum(not part.filler for part in info.files),
            pieces=info.pieces,
            piece_size=info.piece_size,
            version=info.version,
            private=info.private,
        )
        total = told.files if told.files > len(files) else 0
        return [
            told,
            Share(owner=self._known.peers[side], files=files, total=total),
            Remember(key=remembered(self.hash), value=info),
        ]


def remembered(found: bytes) -> str:
    """Return the key under which the info dictionary of an info hash is kept for other flows."""
    return f"bittorrent/{found.hex()}"
