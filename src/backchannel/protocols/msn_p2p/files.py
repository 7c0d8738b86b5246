"""Files put together from P2P data: which pieces came, and what to tell the engine of them."""

from bisect import bisect_left

import msgspec

from backchannel.effects import Effect, FileClose, FileData, FileOpen
from backchannel.model import Capability

MAX_INTERVALS = 256


class Plan(msgspec.Struct, frozen=True):
    """What is known of a transfer before, or without, its bytes."""

    session: int
    use: Capability = Capability.FILE_TRANSFER
    name: str = ""
    size: int | None = None
    sha1: str = ""
    sender: str = ""
    recipient: str = ""


class File:
    """One file under way on this flow. Its key is the same on every flow that carries parts of it:
    both ends' switchboards, and the direct connection to which it may move. The session id alone
    would not do: some programs' random numbers are the same in every run.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.key = f"p2p:{plan.session:08x}:{plan.size or 0}:{plan.sender}:{plan.recipient}"
        self.opened = self.closed = self.fed = False
        self._lagging = False
        """True once a header lied (`Packet.stale`): then the order of arrival says more."""
        self._count = 0
        self._last = b""
        self._ends: list[int] = []
        self._starts: list[int] = []

    def open(self) -> list[Effect]:
        """Announce the file, once."""
        if self.opened:
            return []
        self.opened = True
        plan = self.plan
        return [
            FileOpen(
                key=self.key,
                shared=True,
                use=plan.use,
                name=plan.name,
                size=plan.size,
                sender=plan.sender,
                recipient=plan.recipient,
                id=str(plan.session),
                sha1=plan.sha1,
            )
        ]

    def data(self, offset: int, data: bytes, *, stale: bool = False) -> list[Effect]:
        """Hand bytes on; closes the file when it has become whole."""
        self._lagging = self._lagging or stale
        if self._lagging:
            offset = self._arrival(offset, data)
        size = self.plan.size
        if size is not None:
            data = data[: max(0, size - offset)]
        if self.closed or not data:
            return []
        told = self.open()
        self.fed = True
        told.append(FileData(key=self.key, offset=offset, data=data, shared=True))
        self._cover(offset, offset + len(data))
        if size is not None and self._starts == [0] and self._ends[0] >= size:
            told += self.close()
        return told

    def _arrival(self, offset: int, data: bytes) -> int:
        """Where *data* belongs by its order: behind all before, unless it is the last one again."""
        if data == self._last:
            return offset
        at = max(offset, self._count)
        self._last, self._count = data, at + len(data)
        return at

    def close(self) -> list[Effect]:
        """No more bytes come on this flow."""
        if self.closed or not self.opened:
            return []
        self.closed = True
        return [FileClose(key=self.key, shared=True)]

    def _cover(self, start: int, end: int) -> None:
        """Note the bytes from *start* up to *end* as seen; neighbours and overlaps are joined."""
        first = bisect_left(self._ends, start)
        last = first
        while last < len(self._starts) and self._starts[last] <= end:
            last += 1
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        elif len(self._starts) >= MAX_INTERVALS:
            return
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
