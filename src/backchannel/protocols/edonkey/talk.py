"""What one connection has told so far: who is at its ends, and names and sizes of files.

Holds NAMED files, beside what `Ends` holds.
"""

import msgspec

from backchannel.effects import Expect
from backchannel.events import PeerAddress, SharedFile, Software
from backchannel.model import Capability, Side
from backchannel.protocols import Output, Start
from backchannel.protocols.bounded import remember
from backchannel.protocols.edonkey import tags, wire
from backchannel.protocols.edonkey.tags import Tags
from backchannel.protocols.ends import Ends
from backchannel.reader import Reader

NAMED = 256
LISTED = 1000
"""Files of one list that are told."""
STANDS = 1800
"""Seconds for which a peer that was told is expected to be met."""


class Receiver(msgspec.Struct, frozen=True):
    """What is known of who gets datagrams, from which their key may be made."""

    node: bytes = b""
    """Kad's id, as it is sent."""
    user: bytes = b""


class Talk(Ends):
    """Both ends of a connection."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.ports = dict.fromkeys(Side, 0)
        """Where each end listens, as it says."""
        self.asked = dict.fromkeys(Side, "")
        """The file that each side last asked for."""
        self._names: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def learn(self, file: str, name: str = "", size: int = 0) -> None:
        """Note a file's name and size."""
        if name:
            remember(self._names, file, name, NAMED)
        if size:
            remember(self._sizes, file, size, NAMED)

    def name(self, file: str) -> str:
        """Return a file's name; empty where not told."""
        return self._names.get(file, "")

    def size(self, file: str) -> int | None:
        """Return a file's size; None where not told."""
        return self._sizes.get(file)

    def software(self, side: Side, name: str, version: str) -> list[Output]:
        """Tell once which program is at *side*."""
        if not self.is_new("software", side, name, version):
            return []
        return [Software(name=name, version=version, role="peer", account=self.account(side))]

    def address(
        self, account: str, address: str, port: int, how: str, transport: str = "tcp"
    ) -> list[Output]:
        """Tell once that an address was disclosed; where it shows anyway, the port alone is new."""
        if address in {end.address for end in self.ends.values()}:
            how = "listening-port"
        if not address or not self.is_new(how, account, address, port, transport):
            return []
        return [
            PeerAddress(
                use=Capability.FILE_SHARING,
                account=account,
                address=address,
                port=port,
                transport="udp" if transport == "udp" else "tcp",
                how=how,
            )
        ]


def shared_file(file: str, found: Tags) -> SharedFile:
    """Return a file as its tags describe it."""
    detail = [text for name in (tags.KIND,) if (text := tags.text(found, name))]
    if count := tags.number(found, tags.SOURCES):
        detail.append(f"sources {count}")
    for name, word in tags.MEDIA.items():
        value = found.get(name)
        if value and not isinstance(value, bytes):
            detail.append(f"{word} {value}")
    return SharedFile(
        name=tags.text(found, tags.NAME),
        size=tags.size(found),
        hash=file,
        detail=", ".join(detail),
    )


def entries(reader: Reader, count: int, most: int = LISTED) -> list[tuple[SharedFile, int, int]]:
    """Take *count* files of a list: each with the client id and port of who has it."""
    found: list[tuple[SharedFile, int, int]] = []
    for _ in range(count):
        file, client, port = wire.hash_of(reader), reader.u32le(), reader.u16le()
        described = tags.read(reader, reader.u32le())
        if len(found) < most:
            found.append((shared_file(file, described), client, port))
    return found


def expect(address: str, port: int, user: str = "", source: str = "") -> list[Output]:
    """Expect a client to be met at *address*; *user* is its hash, from which a key is made."""
    if not address or not port:
        return []
    return [
        Expect(
            protocol="edonkey",
            purpose=Capability.FILE_SHARING,
            address=address,
            port=port,
            source=source,
            context=bytes.fromhex(user) if user else None,
            lifetime=STANDS,
            repeat=True,
        )
    ]


def expect_datagrams(talk: Talk, address: str, port: int, receiver: Receiver) -> list[Output]:
    """Expect datagrams to a node or client, obfuscated or not."""
    known = any(receiver.node) or any(receiver.user)
    if not port or not known or not talk.is_new("datagrams", address, port, receiver):
        return []
    return [
        Expect(
            protocol="edonkey-udp",
            purpose=Capability.SEARCH,
            address=address,
            port=port,
            transport="udp",
            context=receiver,
            lifetime=STANDS,
            repeat=True,
        )
    ]
