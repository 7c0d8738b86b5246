"""An obfuscated connection between clients, opened with the user hash of who is connected to.

    asks      marker u8 | random u32 | RC4: fixed u32 | methods u8 | preferred u8 | padding
    answers   RC4: fixed u32 | method u8 | padding

Padding is its size in a byte, and as many bytes. Servers, sources and Kad tell user hashes; only a
flow that was announced with one is tried, and the fixed value proves that it is right. Connections
to servers agree on a key by Diffie and Hellman, and stay closed. Holds what is there of an opening.
"""

from collections.abc import Iterable

from backchannel.model import Side
from backchannel.protocols.edonkey.rc4 import ANSWERS, ASKS, STREAM, Rc4, of_stream
from backchannel.protocols.edonkey.wire import HASH, STREAMED
from backchannel.reader import WireError

RANDOM, PROOF = 5, 9
"""Bytes to the end of the random part, and to the end of the fixed value."""
FREE_GAP, EARNED = 1 << 20, 16
"""Bytes of holes over which a cipher is moved on: some free, and more for each byte that came, as
one packet is enough to make a large hole.
"""
_CHOICES = {Side.CLIENT: 2, Side.SERVER: 1}


def opener(data: bytes, users: Iterable[object]) -> bytes | None:
    """Return which of *users* the connection that begins with *data* was made to; else None.

    *data* has PROOF bytes at least.
    """
    if data[0] in STREAMED:
        return None
    for user in users:
        if isinstance(user, bytes) and len(user) == HASH:
            cipher = of_stream(user, data[1:RANDOM], ASKS)
            if cipher.update(data[RANDOM:PROOF]) == STREAM:
                return user
    return None


class Sealed:
    """Both directions of one connection to who has the hash *user*."""

    def __init__(self, user: bytes) -> None:
        self._user = user
        self._ciphers: dict[Side, Rc4] = {}
        self._heads: dict[Side, bytes | None] = dict.fromkeys(Side, b"")
        """What is there of an opening, in clear; None once it is over."""
        self._random = b""
        self._gaps = FREE_GAP
        """Bytes of holes that may still come."""

    def feed(self, side: Side, data: bytes) -> bytes:
        """Return what *data* says in clear; raises WireError where the opening does not fit."""
        if side not in self._ciphers:
            if side is Side.SERVER:
                raise WireError("an answer before the question in an obfuscated connection")
            need = RANDOM - len(self._random)
            self._random, data = self._random + data[:need], data[need:]
            if len(self._random) < RANDOM:
                return b""
            for each, way in ((Side.CLIENT, ASKS), (Side.SERVER, ANSWERS)):
                self._ciphers[each] = of_stream(self._user, self._random[1:], way)
        self._gaps += EARNED * len(data)
        plain = self._ciphers[side].update(data)
        head = self._heads[side]
        return plain if head is None else self._opening(side, head + plain)

    def gap(self, side: Side, size: int) -> bool:
        """Move on over *size* bytes that were never seen; say whether that could be done."""
        if self._heads[side] is not None or size > self._gaps:
            return False
        self._gaps -= size
        self._ciphers[side].update(bytes(size))
        return True

    def _opening(self, side: Side, head: bytes) -> bytes:
        """Take the opening off *head*, and return what is behind it."""
        self._heads[side] = head
        if head[:4] != STREAM[: len(head)]:
            raise WireError("an obfuscated connection that its key does not open")
        padded = 4 + _CHOICES[side]
        if len(head) <= padded or len(head) < padded + 1 + head[padded]:
            return b""
        self._heads[side] = None
        return head[padded + 1 + head[padded] :]
