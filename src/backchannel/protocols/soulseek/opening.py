"""How connections of Soulseek begin: bytes in, what they are out.

A sign-on to the server; a user's greeting (name and kind of connection); or the answer to a call
(a number), behind which messages of users, of the tree or a file follow.
"""

from typing import Literal, NamedTuple

from backchannel.protocols.soulseek import wire
from backchannel.reader import Reader, WireError

Kind = Literal["server", "P", "D", "F", "?"]
LOGIN, INIT, PIERCE = 4096, 1024, 9
"""Longest sign-on and greeting; size of an answer to a call."""
VERSIONS = range(100, 1000)


class Opening(NamedTuple):
    """What the first frame of a connection says."""

    kind: Kind
    size: int
    """Bytes of the frame."""
    user: str = ""
    token: int = 0


def read(data: bytes) -> Opening | None:
    """Return what *data* opens with; None where more is needed. Raises WireError for others."""
    if len(data) < 5:
        if data[2:4].strip(b"\0"):
            raise WireError("no frame of Soulseek begins so")
        return None
    size = int.from_bytes(data[:4], "little")
    if size == 5 and data[4] == wire.PIERCE:
        if len(data) < PIERCE:
            return None
        return Opening("?", PIERCE, token=int.from_bytes(data[5:9], "little"))
    if not 12 <= size <= LOGIN or data[4] != 1:
        raise WireError("no frame of Soulseek begins so")
    if len(data) < 4 + size:
        return None
    reader = Reader(data, 5, 4 + size)
    return _login(reader, 4 + size) or _greeting(Reader(data, 5, 4 + size), 4 + size)


def _login(reader: Reader, size: int) -> Opening | None:
    try:
        if reader.take(3) != bytes(3):
            return None
        user, password = wire.text(reader), wire.text(reader)
        version = reader.u32le()
        if reader:
            wire.text(reader)
        fits = user.isprintable() and password.isprintable() and version in VERSIONS
    except WireError:
        return None
    return Opening("server", size, user) if user and fits and len(reader) in (0, 4) else None


def _greeting(reader: Reader, size: int) -> Opening:
    user, kind = wire.text(reader), wire.text(reader)
    token = reader.u32le()
    named = user and user.isprintable() and size <= INIT
    if not named or kind not in ("P", "D", "F") or len(reader) not in (0, 4):
        raise WireError("a greeting that is none")
    return Opening(kind, size, user, token)  # type: ignore[arg-type]


def guess(data: bytes) -> Kind | None:
    """Return what follows the answer to a call, where nobody announced it; "?" for too little.

    None is for what is neither messages of users nor of the tree.
    """
    if len(data) < 8:
        return "?" if len(data) < 5 or data[4] in wire.PEER_KINDS | wire.TREE_KINDS else None
    size, kind = int.from_bytes(data[:4], "little"), data[4]
    if kind in _TREE and size <= LOGIN:
        if len(data) < 4 + size:
            return "?"
        if _TREE[kind](Reader(data, 5, 4 + size)):
            return "D"
    peers = data[5:8] == bytes(3) and kind in wire.PEER_KINDS and 4 <= size <= wire.LONGEST
    return "P" if peers else None


def _number(reader: Reader) -> bool:
    return len(reader) == 4


def _name(reader: Reader) -> bool:
    try:
        return bool(wire.text(reader)) and not reader
    except WireError:
        return False


def _search(reader: Reader) -> bool:
    try:
        reader.skip(4)
        user, _ = wire.text(reader), reader.u32le()
        wire.text(reader)
    except WireError:
        return False
    return bool(user) and not reader


def _search_from_above(reader: Reader) -> bool:
    return bool(reader) and reader.u8() in wire.TREE_KINDS and _search(reader)


_TREE = {3: _search, 4: _number, 5: _name, 7: _number, 93: _search_from_above}
"""Whether the body of a message of the tree has its form."""
