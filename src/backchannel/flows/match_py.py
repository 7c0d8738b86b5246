"""Compares payloads with the magics, in plain Python: the twin of `match`.

Where a TCP side begins, what is too short to say is "maybe": its first bytes are kept and compared
again, so that segment sizes hide nothing. Anywhere else it is "no".
"""

from collections.abc import Sequence
from enum import Enum

from backchannel.contract import Length, Magic
from backchannel.flows.names_py import host

LONGEST_NAME = 255
HEAD = 4096
"""Bytes of a head of lines that are searched for a magic's words."""


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
        self, transport: str, number: int, payload: bytes, *, opening: bool
    ) -> tuple[int, int]:
        """Return the protocols whose magic fits, and those where more bytes may make it fit.

        *number* is the IP protocol's. *opening* says that a side begins with *payload*.
        """
        hits = maybe = 0
        for index, magic in self._magics:
            if magic.transport != transport or magic.number not in {0, number}:
                continue
            fit = fits(magic, payload, opening=opening)
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


def check(index: int, magic: Magic) -> None:
    """Raise ValueError for a magic that cannot be compiled."""
    if not 0 <= index < 64:
        raise ValueError(f"protocol index {index} is not in 0..63")
    if magic.length is not None and magic.length.size not in {1, 2, 3, 4}:
        raise ValueError(f"length field of {magic.length.size} bytes: {magic}")
    if len(magic.pattern) > 64 or magic.at > 1024 or len(magic.sizes) > 64:
        raise ValueError(f"magic too long: {magic}")
    words = magic.anywhere
    if len(words) > 32 or any(not 1 < len(word) <= 32 or word != word.lower() for word in words):
        raise ValueError(f"words that cannot be searched for: {magic}")


def fits(magic: Magic, payload: bytes, *, opening: bool) -> Fit:
    """Say whether *payload* passes *magic*.

    A TCP side may begin with segments of any size, so there a payload that is too short may fit.
    """
    if magic.first and not opening:
        return Fit.NO
    stream, size = magic.transport == "tcp", len(payload)
    short = Fit.MAYBE if stream and opening else Fit.NO
    seen = payload[magic.at : magic.at + len(magic.pattern)]
    mask = magic.mask or b"\xff" * len(magic.pattern)
    if any(byte & bits != want & bits for byte, want, bits in zip(seen, magic.pattern, mask)):  # noqa: B905 - as far as it goes
        return Fit.NO
    if size < magic.minimum or size < magic.at + len(magic.pattern):
        return short
    if magic.sizes and size not in magic.sizes:
        return short if size < max(magic.sizes) else Fit.NO
    if magic.anywhere and not _holds(magic.anywhere, payload):
        return Fit.NO if _ended(payload) else short
    return _length_fits(magic.length, payload, short, stream=stream) if magic.length else Fit.YES


def _holds(words: Sequence[bytes], payload: bytes) -> bool:
    head = payload[:HEAD].lower()
    return any(word in head for word in words)


def _ended(payload: bytes) -> bool:
    """Whether a head of lines ends in *payload*, or is longer than what is looked at."""
    head = payload[:HEAD]
    return len(payload) >= HEAD or b"\n\r\n" in head or b"\n\n" in head


def _length_fits(length: Length, payload: bytes, short: Fit, *, stream: bool) -> Fit:
    """A message may go on in later segments of a stream; a datagram holds it whole."""
    if len(payload) < length.at + length.size:
        return short
    field = payload[length.at : length.at + length.size]
    total = int.from_bytes(field, "little" if length.little else "big") + length.bias
    if total <= len(payload):
        return Fit.NO if length.whole and total < len(payload) else Fit.YES
    if length.whole and stream:
        return Fit.YES
    return Fit.NO if length.whole else short
