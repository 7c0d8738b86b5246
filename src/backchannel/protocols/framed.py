"""What sessions share that read frame after frame: behind a broken one nothing can be told."""

from collections.abc import Callable, Mapping
from functools import partial

from backchannel.contract import Output, Start
from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.reader import WireError


class Framed:
    """Holds what is there of a frame for each side. A subclass takes frames off it, in `_step`.

    A broken frame is told once. Then its side is not heard, until the subclass takes it out of
    `_deaf`; and a session that has decoded nothing takes its claim back.
    """

    def __init__(self) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._buffers = {side: bytearray() for side in Side}
        self._deaf: set[Side] = set()

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if side in self._deaf:
            return []
        buffer = self._buffers[side]
        buffer += data
        told: list[Output] = []
        try:
            while buffer and self._step(side, buffer, told):
                pass
        except WireError as error:
            told.append(Malformed(reason=str(error)))
            self._deaf.add(side)
            buffer.clear()
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
        return told

    def _step(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        """Take one frame off *buffer*, add what it means to *told*; say whether there was one.

        Raises WireError where it is broken.
        """
        raise NotImplementedError


class Passing(Framed):
    """Passes over the content of frames, of which only the heads are read. A subclass says in
    `_skip` how many bytes of a side that is.
    """

    def __init__(self) -> None:
        super().__init__()
        self._skip = dict.fromkeys(Side, 0)

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if self._skip[side] and side not in self._deaf:
            passed = min(self._skip[side], len(data))
            self._skip[side] -= passed
            data = data[passed:]
        return super().feed(side, data)

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        self._buffers[side].clear()
        self._deaf.add(side)
        self.done = len(self._deaf) == len(Side)
        return []


class Marked(Framed):
    """Knows its frames by a mark: they are found again behind a gap, and amid a flow. A subclass
    says which bytes `_opens` one, and takes it off in `_frame`.
    """

    marks: Mapping[Side, bytes]
    header: int
    """Bytes of a frame's head."""

    def __init__(self, start: Start) -> None:
        super().__init__()
        self._lost: set[Side] = set() if start.begun else set(Side)

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen; the next frame begins at its mark."""
        self._buffers[side].clear()
        self._deaf.discard(side)
        self._lost.add(side)
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        self._buffers[side].clear()
        return []

    def _step(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        opens = partial(self._opens, side)
        if side in self._lost and not seek(buffer, self.marks[side], self.header, opens):
            return False
        self._lost.discard(side)
        if not opens(bytes(buffer[: self.header])):
            raise WireError("bytes that open no packet")
        return self._frame(side, buffer, told)

    def _opens(self, side: Side, head: bytes) -> bool:
        """Whether *head*, as far as it goes, can open a frame of *side*."""
        raise NotImplementedError

    def _frame(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        """As `_step`; *buffer* begins as a frame does."""
        raise NotImplementedError


def seek(buffer: bytearray, mark: bytes, size: int, opens: Callable[[bytes], bool]) -> bool:
    """Drop what comes before the next frame; say whether one was found.

    It begins with *mark*, which may also stand in somebody's words, and *opens* takes its first
    *size* bytes. A tail that still fits is kept.
    """
    at = buffer.find(mark)
    while at >= 0 and not opens(bytes(buffer[at : at + size])):
        at = buffer.find(mark, at + 1)
    del buffer[: at if at >= 0 else max(0, len(buffer) - len(mark) + 1)]
    return len(buffer) >= size
