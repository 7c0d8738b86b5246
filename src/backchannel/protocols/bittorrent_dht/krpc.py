"""KRPC messages, of which BitTorrent's hash table consists. A datagram in, a message out.

    query    t transaction | y "q" | q name | a {id, ...} | v program | ro 1
    answer   t transaction | y "r" | r {id, ...}          | v program | ip who asked, as seen
    error    t transaction | y "e" | e [code, text]       | v program

One bencoded dictionary fills the datagram. BEP 5, 42, 43.
"""

import math
from hashlib import sha1
from typing import Literal

import msgspec

from backchannel.protocols import bencode
from backchannel.protocols.bencode import Dict
from backchannel.protocols.peer_id import CODES
from backchannel.reader import WireError

ID = 20
"""Bytes of a node's id, of an info hash and of a target."""
LONGEST_NAME, LONGEST_TRANSACTION = 32, 64
_KINDS: dict[bytes, Literal["query", "answer", "error"]] = {
    b"q": "query",
    b"r": "answer",
    b"e": "error",
}


class Message(msgspec.Struct, frozen=True):
    """One message."""

    kind: Literal["query", "answer", "error"]
    transaction: bytes
    name: str
    """Of a query; for an error its code."""
    body: Dict
    """What a query or an answer says; empty for an error."""
    top: Dict
    """The whole message."""

    @property
    def id(self) -> bytes:
        """The sender's node id; empty where it tells none."""
        return bencode.octets(self.body, b"id")


def read_message(data: bytes) -> Message:
    """Return the message that *data* is. Raises WireError where it is none."""
    top = bencode.read_dict(data)
    kind = _KINDS.get(bencode.octets(top, b"y"))
    transaction = top.get(b"t")
    if kind is None or not isinstance(transaction, bytes):
        raise WireError("no kind or transaction in a KRPC message")
    if len(transaction) > LONGEST_TRANSACTION:
        raise WireError(f"KRPC transaction of {len(transaction)} bytes")
    if kind == "error":
        return Message(kind, transaction, _error(top), {}, top)
    name = bencode.octets(top, b"q") if kind == "query" else b""
    body = top.get(b"a" if kind == "query" else b"r")
    if not isinstance(body, dict) or len(bencode.octets(body, b"id")) != ID:
        raise WireError(f"KRPC {kind} without node id")
    if kind == "query" and not (name.isascii() and 0 < len(name) <= LONGEST_NAME):
        raise WireError("KRPC query without name")
    return Message(kind, transaction, name.decode(), body, top)


def _error(top: Dict) -> str:
    """Return the code of an error, as text."""
    values = bencode.listed(top, b"e")
    if not values or not isinstance(values[0], int):
        raise WireError("KRPC error without code")
    return str(values[0])


def software(version: bytes) -> tuple[str, str]:
    """Return name and version of a program by its `v`: two letters and two bytes of version, whose
    meaning each program chose. libtorrent's are three numbers, uTorrent's count its builds.
    """
    name = CODES.get(version[:2], "")
    if not name or len(version) != 4:
        return name, ""
    first, second = version[2], version[3]
    if name == "libtorrent":
        return name, f"{first}.{second >> 4}.{second & 15}"
    if name.startswith("uTorrent"):
        return name, f"build {first << 8 | second}"
    return name, version[2:].hex()


def target_of(value: bytes, key: bytes, salt: bytes) -> str:
    """Return under which target a bencoded *value* is stored: its own SHA-1, or its owner's."""
    return sha1(key + salt if key else value, usedforsecurity=False).hexdigest()


FILTER = 256
"""Bytes of a Bloom filter that counts addresses; each sets two bits of it."""


def estimate(bloom: bytes) -> int:
    """Return how many addresses a filter of BEP 33 holds, about; 0 for what is no such filter."""
    if len(bloom) != FILTER:
        return 0
    bits = FILTER * 8
    clear = bits - int.from_bytes(bloom, "big").bit_count()
    part = min(bits - 1, max(1, clear)) / bits
    return round(math.log(part) / (2 * math.log(1 - 1 / bits)))
