"""DCC SEND: the file's bytes one way, counts of what came the other way. Nothing is held of it.

Counts are 32 bits, or 64 for large files, in network order; TSEND has none. After a resumed
transfer some programs count from the file's beginning, others from where it went on.
"""

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.model import Side, Standing
from backchannel.protocols import Output
from backchannel.protocols.irc.context import DccOffer
from backchannel.protocols.irc_dcc.parties import sending

KEY = "file"
WORD = 4
SLACK = 1 << 24
"""How far counts may be ahead of the bytes that were seen, where the size is not known."""


class Sent:
    """One file on its way."""

    def __init__(self, offer: DccOffer) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._offer = offer
        self._sends = sending(offer)
        self._at = offer.at
        """Offset in the file of the next byte."""
        self._counts = bytearray()
        self._skip = 0
        """Bytes of a count that a gap cut into."""
        self._open = self._closed = False

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take bytes of the file, or counts."""
        if side is self._sends:
            told = self._data(data)
        else:
            told = []
            self._count(data)
        self.done = self._closed and self.standing is Standing.PARSED
        return told

    def gap(self, side: Side, size: int) -> None:
        """The bytes behind have their place all the same."""
        if side is self._sends:
            self._at += size
            return
        cut = (len(self._counts) + size - self._skip) % WORD
        self._skip = -cut % WORD
        self._counts.clear()

    def end(self, side: Side) -> list[Output]:
        """*side* sends no more."""
        if side is not self._sends:
            return []
        if self._open and self._at == self._offer.size and self.standing is Standing.CLAIMED:
            self.standing = Standing.PARSED  # as many bytes as were announced
        return self._close()

    def _data(self, data: bytes) -> list[Output]:
        told: list[Output] = []
        offer, size = self._offer, self._offer.size
        if not self._open:
            self._open = True
            told.append(
                FileOpen(
                    key=KEY,
                    name=offer.name,
                    size=size,
                    sender=offer.sender,
                    recipient=offer.recipient,
                    id=offer.id,
                )
            )
        at, self._at = self._at, self._at + len(data)
        if size is not None:
            data = data[: max(0, size - at)]
        if data and not self._closed:
            told.append(FileData(key=KEY, offset=at, data=data))
        if size is not None and self._at >= size:
            told += self._close()
        return told

    def _close(self) -> list[Output]:
        if self._closed or not self._open:
            return []
        self._closed = True
        return [FileClose(key=KEY)]

    def _count(self, data: bytes) -> None:
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._counts += data[skipped:]
        whole = len(self._counts) // WORD * WORD
        for at in range(0, whole, WORD):
            self._agree(int.from_bytes(self._counts[at : at + WORD]))
        del self._counts[:whole]

    def _agree(self, count: int) -> None:
        """Hold one count against what can have come by now."""
        if self.standing is not Standing.CLAIMED:
            return
        size = self._offer.size
        if count > (self._at + SLACK if size is None else size):
            self.standing = Standing.REFUTED
        elif count and self._open:
            self.standing = Standing.PARSED
