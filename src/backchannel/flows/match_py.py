"""Compares payloads with the magics, in plain Python: the twin of `match`.

Where a TCP side begins, what is too short to say is "maybe": its first bytes are kept and compared
again, so that segment sizes hide nothing. Anywhere else it is "no".
"""

from collections.abc import Sequence
from enum import Enum

from backchannel.contract import Length, Magic, Spread
from backchannel.flows.magics import HEAD, check
from backchannel.flows.names_py import host

LONGEST_NAME = 255
TEXT = frozenset(range(0x20, 0x7F)) | {9, 10, 13}
"""Bytes of which a payload that is text consists."""


class Fit(Enum):
    """What comparing a payload with a magic says."""

    NO = 0
    MAYBE = 1
    YES = 2


class Matcher:
    """All magics; answers with a bit mask of protocol indexes."""

    def __init__(
        self,
        magics: Sequence[tuple[int, Magic]],
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

    def match(
        self,
        transport: str,
        number: int,
        payload: bytes,
        *,
        opening: bool,
        answered: bool = False,
    ) -> tuple[int, int]:
        """Return the protocols whose magic fits, and those where more bytes may make it fit.

        *number* is the IP protocol's. *opening* says that a side begins with *payload*, *answered*
        that the other side spoke before all of it was there.
        """
        hits = maybe = 0
        for index, magic in self._magics:
            if magic.transport != transport or magic.number not in {0, number}:
                continue
            fit = fits(magic, payload, opening=opening, answered=answered)
            hits |= (fit is Fit.YES) << index
            maybe |= (fit is Fit.MAYBE) << index
        if hits & self._gated:
            interest = self._of_interest(transport, payload)
            if interest is None and opening and transport == "tcp":
                maybe |= hits & self._gated
                hits &= ~self._gated
            elif interest is False:
                hits &= ~self._gated
        return hits, maybe & ~hits

    def fitting(self, transport: str, payload: bytes, begun: bool, number: int) -> list[int]:
        """Return the protocols whose magic fits the first bytes of a side, or may with more; those
        with the longest pattern first.
        """
        longest: dict[int, int] = {}
        for index, magic in self._magics:
            if not payload or magic.transport != transport or (magic.first and not begun):
                continue
            if number and magic.number not in {0, number}:
                continue
            if fits(magic, payload, opening=True) is not Fit.NO:
                longest[index] = max(longest.get(index, 0), len(magic.pattern))
        return sorted(longest, key=lambda index: (-longest[index], index))

    def _of_interest(self, transport: str, payload: bytes) -> bool | None:
        """Whether *payload* names a host of interest; None: it ends before it names any."""
        found = host(transport, payload)
        return None if found is None else any(self._listed(name) for name in found)

    def _listed(self, name: bytes) -> bool:
        if len(name) > LONGEST_NAME:
            return False
        name = name.lower().rstrip(b".")
        while name:
            if name in self._names:
                return True
            name = name.partition(b".")[2]
        return False


def fits(magic: Magic, payload: bytes, *, opening: bool, answered: bool = False) -> Fit:
    """Say whether *payload* passes *magic*.

    A TCP side may begin with segments of any size, so there a payload that is too short may fit.
    """
    if (magic.first and not opening) or (magic.unanswered and answered):
        return Fit.NO
    stream, size = magic.transport == "tcp", len(payload)
    short = Fit.MAYBE if stream and opening else Fit.NO
    seen = payload[magic.at : magic.at + len(magic.pattern)]
    mask = magic.mask or b"\xff" * len(magic.pattern)
    if any(byte & bits != want & bits for byte, want, bits in zip(seen, magic.pattern, mask)):  # noqa: B905 - as far as it goes
        return Fit.NO
    if payload.startswith(magic.unless):
        return Fit.NO
    if size < magic.minimum or size < magic.at + len(magic.pattern):
        return short
    if not all(any(map(int.__and__, seen, bits)) for bits in magic.some) or size % magic.multiple:
        return Fit.NO
    if magic.sizes and size not in magic.sizes:
        return short if size < max(magic.sizes) else Fit.NO
    if magic.binary and TEXT.issuperset(payload):
        return short if size < max(magic.sizes, default=0) else Fit.NO
    if magic.spread is not None and (fit := _spread(magic.spread, payload, short)) is not Fit.YES:
        return fit
    if magic.anywhere and not _holds(magic.anywhere, payload):
        return Fit.NO if _ended(payload) else short
    return _length_fits(magic.length, payload, short, stream=stream) if magic.length else Fit.YES


def _spread(spread: Spread, payload: bytes, short: Fit) -> Fit:
    if len(payload) < spread.at + spread.size:
        return short
    different = len(set(payload[spread.at : spread.at + spread.size]))
    return Fit.YES if different >= spread.least else Fit.NO


def _holds(words: Sequence[bytes], payload: bytes) -> bool:
    head = payload[: _end(payload)].lower()
    return any(word in head for word in words)


def _ended(payload: bytes) -> bool:
    """Whether a head of lines ends in *payload*, or is longer than what is looked at."""
    return len(payload) >= HEAD or _end(payload) < HEAD


def _end(payload: bytes) -> int:
    """Return where the head of lines ends: behind its blank line, or HEAD."""
    found = [(payload.find(blank, 0, HEAD), len(blank)) for blank in (b"\n\r\n", b"\n\n")]
    return min((at + size for at, size in found if at >= 0), default=HEAD)


def _length_fits(length: Length, payload: bytes, short: Fit, *, stream: bool) -> Fit:
    """A message may go on in later segments of a stream; a datagram holds it whole."""
    size, total = len(payload), _total(length, payload)
    if total is None:
        return short
    if length.chain:
        return Fit.YES if _filled(length, payload, total) else Fit.NO
    if total <= size:
        return Fit.NO if length.whole and total < size else Fit.YES
    if length.whole and stream:
        return Fit.YES
    return Fit.NO if length.whole else short


def _total(length: Length, payload: bytes) -> int | None:
    """Return the size that a message at the start of *payload* says it has, if it is there."""
    field = payload[length.at : length.at + length.size]
    if len(field) < length.size:
        return None
    value = int.from_bytes(field, "little" if length.little else "big")
    return value * length.unit + length.bias


def _filled(length: Length, payload: bytes, total: int) -> bool:
    """Whether messages, the first of *total* bytes, fill *payload*."""
    at, step = 0, total
    while 0 < step < len(payload) - at:
        at += step
        following = _total(length, payload[at:])
        if following is None:
            return False
        step = following
    return step == len(payload) - at
