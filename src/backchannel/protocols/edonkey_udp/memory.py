"""What one flow of datagrams has told so far. Holds what `Talk` does, and a summary a side."""

from collections import Counter
from typing import NamedTuple

from backchannel.model import Side
from backchannel.protocols import Start
from backchannel.protocols.edonkey import wire
from backchannel.protocols.edonkey.talk import Talk
from backchannel.reader import Reader

KINDS = 48
"""Names of datagrams that are counted apart."""


class Node:
    """What one side said so far."""

    def __init__(self) -> None:
        self.id = b""
        self.version = self.contacts = 0
        self.kad = False
        """Whether it speaks Kad, and not only with clients and servers of eDonkey."""
        self.counts: Counter[str] = Counter()

    def count(self, name: str) -> None:
        """One more datagram of that name."""
        self.counts[name if name in self.counts or len(self.counts) < KINDS else "other"] += 1


class Memory(Talk):
    """Both ends of a flow."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.nodes = {side: Node() for side in Side}
        self.searched = dict.fromkeys(Side, "")
        """The keyword's hash that each side asked for last, while nobody has said the word."""

    def who(self, side: Side) -> str:
        """Return the name of *side*: a user hash, else a node id, else the address."""
        node = self.nodes[side]
        return self.users[side] or (identity(node.id) if node.id else str(self.ends[side]))


class Contact(NamedTuple):
    """A node as another one names it."""

    id: bytes
    address: str
    udp: int
    tcp: int
    version: int


def identity(raw: bytes) -> str:
    """Return a number of 128 bits, which Kad sends as four words, in the usual order."""
    return b"".join(raw[at : at + 4][::-1] for at in range(0, wire.HASH, 4)).hex()


def number(reader: Reader) -> str:
    """Take such a number."""
    return identity(reader.take(wire.HASH))


def contact(reader: Reader) -> Contact:
    """Take a node of a list."""
    node, address = reader.take(wire.HASH), wire.turned(reader)
    return Contact(node, address, reader.u16le(), reader.u16le(), reader.u8())
