"""What one YMSG connection must remember between packets, and a packet's fields by key."""

import msgspec

from backchannel.model import Capability, Side
from backchannel.protocols import Start
from backchannel.protocols.ymsg import tables, wire
from backchannel.protocols.ymsg.markup import words

MOST_OFFERS = 64
MOST_LIST_BYTES = 1 << 18


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """What a YMSG packet told about an HTTP transfer to come; context of the expected flow."""

    path: str = ""
    """The target of the request as announced; empty where only the token is known."""
    token: str = ""
    sender: str = ""
    recipient: str = ""
    name: str = ""
    size: int | None = None
    id: str = ""
    use: Capability = Capability.FILE_TRANSFER


class Named(msgspec.Struct, frozen=True):
    """One file of an offer."""

    name: str
    size: int


class Offered(msgspec.Struct, frozen=True):
    """A version 15 file offer that later packets refer to by its identifier."""

    sender: str
    recipient: str
    files: tuple[Named, ...]


class State(msgspec.Struct):
    """One connection's memory. Bounds: MOST_LIST_BYTES of contact lists, MOST_OFFERS offers."""

    start: Start
    account: str = ""
    asked: str = ""
    """The account of an AUTH that has not been answered by an AUTHRESP yet."""
    signed_on: bool = False
    accepted: bool = False
    challenge: str = ""
    method: str = ""
    """Key 13 of the challenge: which computation the server wants."""
    buddies: bytearray = msgspec.field(default_factory=bytearray)
    ignored: bytearray = msgspec.field(default_factory=bytearray)
    group: str = ""
    """Group that the contacts of a continued version 15 list belong to."""
    half: wire.Fields = msgspec.field(default_factory=list)
    """Fields of a presence entry that the next packet finishes."""
    changed: tuple[str, str, str] = ("", "", "")
    """The last change of the contact list, so that its echo is not told twice."""
    room: str = ""
    offers: dict[str, Offered] = msgspec.field(default_factory=dict)


class Body:
    """A packet with its fields by key, read as text. The first value of a key counts."""

    __slots__ = ("_first", "fields", "packet", "side")

    def __init__(self, side: Side, packet: wire.Packet, fields: wire.Fields) -> None:
        self.side, self.packet, self.fields = side, packet, fields
        self._first: dict[int, bytes] = {}
        for key, value in fields:
            self._first.setdefault(key, value)

    def __contains__(self, key: int) -> bool:
        return key in self._first

    def raw(self, key: int) -> bytes:
        """Return the value of *key*, empty when absent."""
        return self._first.get(key, b"")

    def text(self, *keys: int) -> str:
        """Return the value of the first of *keys* that is there and not empty."""
        for key in keys:
            if value := self._first.get(key):
                return words(value)
        return ""

    def number(self, key: int, default: int = 0) -> int:
        """Return the value of *key* as a number; *default* if it is not one."""
        return number(self._first.get(key, b""), default)

    def all(self, *keys: int) -> tuple[str, ...]:
        """Return every value of *keys*, in order, each once."""
        return tuple(dict.fromkeys(words(value) for key, value in self.fields if key in keys))

    def account(self, *keys: int) -> str:
        """Return the account in the first of *keys* that is there, with its foreign network."""
        name = self.text(*keys)
        network = tables.NETWORKS.get(self.number(241)) if 241 in self._first else None
        return f"{network}{name}" if network and name else name


def number(value: bytes, default: int = 0) -> int:
    """Return *value* as a decimal number of at most 20 digits; *default* if it is not one."""
    try:
        return int(value) if len(value) <= 20 else default
    except ValueError:
        return default


def records(fields: wire.Fields) -> list[wire.Fields]:
    """Split the fields of a packet that holds several entries: a repeated key begins a new one."""
    out: list[wire.Fields] = []
    seen: set[int] = set()
    for key, value in fields:
        if not out or key in seen:
            out.append([])
            seen.clear()
        seen.add(key)
        out[-1].append((key, value))
    return out
