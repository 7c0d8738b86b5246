"""Compares payloads with the magics, in plain Python: the twin of `match`.

A short TCP payload passes a magic as far as it goes, so that segment sizes hide nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backchannel.flows.names_py import host

if TYPE_CHECKING:
    from backchannel.protocols import Length, Magic


class Matcher:
    """All magics; answers with a bit mask of protocol indexes."""

    def __init__(
        self,
        magics: Sequence[tuple[int, "Magic"]],
        names: Sequence[str],
        gated: Sequence[int],
        *,
        everything: bool,
    ) -> None:
        for index, magic in magics:
            check(index, magic)
        self._magics = list(magics)
        self._names = frozenset(name.encode() for name in names)
        self._gated = 0 if everything else sum(1 << index for index in set(gated))

    def match(self, transport: str, payload: bytes, *, opening: bool) -> int:
        """Return the protocols whose magic fits; *opening*: the first payload of its side."""
        hits = 0
        for index, magic in self._magics:
            if magic.transport == transport and fits(magic, payload, opening=opening):
                hits |= 1 << index
        if hits & self._gated and not self._of_interest(transport, payload):
            hits &= ~self._gated
        return hits

    def _of_interest(self, transport: str, payload: bytes) -> bool:
        """Whether *payload* names a host of interest, or ends before it names any."""
        found = host(transport, payload)
        return found is None or any(self._listed(name) for name in found)

    def _listed(self, name: bytes) -> bool:
        name = name.lower().rstrip(b".")
        while name:
            if name in self._names:
                return True
            name = name.partition(b".")[2]
        return False


def check(index: int, magic: "Magic") -> None:
    """Raise ValueError for a magic that cannot be compiled."""
    if not 0 <= index < 64:
        raise ValueError(f"protocol index {index} is not in 0..63")
    if magic.mask and len(magic.mask) != len(magic.pattern):
        raise ValueError(f"mask and pattern differ in length: {magic}")
    if magic.length is not None and magic.length.size not in {1, 2, 3, 4}:
        raise ValueError(f"length field of {magic.length.size} bytes: {magic}")
    if len(magic.pattern) > 64 or magic.at > 1024 or len(magic.sizes) > 64:
        raise ValueError(f"magic too long: {magic}")


def fits(magic: "Magic", payload: bytes, *, opening: bool) -> bool:
    """Say whether *payload* passes *magic*."""
    if magic.first and not opening:
        return False
    size, stream = len(payload), magic.transport == "tcp"
    short = size < magic.at + len(magic.pattern)
    if short and not stream:
        return False
    seen = payload[magic.at : magic.at + len(magic.pattern)]
    mask = magic.mask or b"\xff" * len(magic.pattern)
    if any(byte & bits != want & bits for byte, want, bits in zip(seen, magic.pattern, mask)):  # noqa: B905 - as far as it goes
        return False
    if short:
        return True
    if magic.sizes and size not in magic.sizes:
        return stream and size < max(magic.sizes)
    if magic.length is not None and not _length_fits(magic.length, payload, stream=stream):
        return False
    return stream or size >= magic.minimum


def _length_fits(length: "Length", payload: bytes, *, stream: bool) -> bool:
    if len(payload) < length.at + length.size:
        return stream
    field = payload[length.at : length.at + length.size]
    total = int.from_bytes(field, "little" if length.little else "big") + length.bias
    if not length.whole:
        return total <= len(payload)
    return total >= len(payload) if stream else total == len(payload)
