"""A file between two users of Soulseek, over a connection of its own. Nothing is held of it.

    who sends     token u32 | the file's bytes from the offset on
    who receives  offset u64

Whoever greets sends; who answers a call receives. Name and size were told over another connection,
under the same key (`key_of`).
"""

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.soulseek.talk import Talk

TOKEN, OFFSET = 4, 8


def key_of(token: int, sender: str, recipient: str) -> str:
    """Return the name of a file on its way between two addresses."""
    return f"{token}:{sender}:{recipient}"


class Transfer:
    """One file on its way."""

    def __init__(self, talk: Talk, sender: Side) -> None:
        self.done = False
        self._talk, self._sender = talk, sender
        self._heads = dict.fromkeys(Side, b"")
        self._key = ""
        self._at = 0
        """Where the next byte of the file belongs."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take bytes of the file, or what stands before them."""
        sends, size = side is self._sender, self._size(side)
        need = size - len(self._heads[side])
        if need > 0 and not self.done:
            self._heads[side] += data[:need]
            data = data[need:]
            if len(self._heads[side]) == size and not sends:
                self._at = int.from_bytes(self._heads[side], "little")
        return self._data(data) if sends and data and not self.done else []

    def gap(self, side: Side, size: int) -> None:
        """The bytes behind have their place all the same, once it is known."""
        if len(self._heads[side]) < self._size(side):
            self.done = True
        elif side is self._sender:
            self._at += size

    def end(self, side: Side) -> list[Output]:
        """*side* sends no more."""
        if side is not self._sender or not self._key or self.done:
            return []
        self.done = True
        return [FileClose(key=self._key, shared=True)]

    def _size(self, side: Side) -> int:
        return TOKEN if side is self._sender else OFFSET

    def _data(self, data: bytes) -> list[Output]:
        told: list[Output] = []
        if not self._key:
            if len(self._heads[self._sender.other]) < OFFSET:  # the place is not known
                self.done = True
                return []
            told.append(self._open())
        told.append(FileData(key=self._key, shared=True, offset=self._at, data=data))
        self._at += len(data)
        return told

    def _open(self) -> FileOpen:
        talk, sends = self._talk, self._sender
        token = int.from_bytes(self._heads[sends], "little")
        self._key = key_of(token, talk.ends[sends].address, talk.ends[sends.other].address)
        return FileOpen(
            key=self._key,
            shared=True,
            use=Capability.FILE_SHARING,
            sender=talk.account(sends),
            recipient=talk.account(sends.other),
            id=str(token),
        )
