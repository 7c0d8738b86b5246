"""One direction of a uTP connection: packets in any order, bytes in theirs.

Held: at most EARLY packets and EARLY_BYTES that came before their turn.
"""

from backchannel.protocols.bittorrent_utp.wire import LAST, ahead

EARLY = 64
EARLY_BYTES = 1 << 16
LATE = 16
"""Acknowledgements of what was not captured that are let pass: where each direction has a receive
queue or an interface of its own, they may be captured before it."""
_FAR = 2048
"""Packets ahead of its turn at which one is no part of the connection any more."""
_UNKNOWN = -1
_LAST = LAST


class Lane:
    """Puts the packets of one side in order."""

    def __init__(self, first: int = _UNKNOWN) -> None:
        self._next = first
        """Number of the packet whose turn it is."""
        self._early: dict[int, bytes] = {}
        self._held = 0
        self._acknowledged = _UNKNOWN
        """Number of the packet before which the other side has all."""
        self._late = 0
        """Acknowledgements since then that were let pass."""
        self.octets = self.lost = 0
        self.ended = _UNKNOWN
        """Number of the packet behind which there is nothing."""

    @property
    def over(self) -> bool:
        """Whether all came up to the end that was told."""
        return self.ended != _UNKNOWN and self.ended == self._next

    def begins(self, number: int) -> None:
        """The first packet has this number, unless that is known better."""
        if self._next == _UNKNOWN:
            self._next = number & _LAST

    def take(self, number: int, payload: bytes) -> list[bytes | None]:
        """Return the bytes whose turn has come; None stands for those that will not come."""
        self.begins(number)
        distance = ahead(number, self._next)
        if distance < 0 or distance > _FAR:
            return []
        if not distance:
            self._held += len(payload)
            taken: list[bytes | None] = []
            self._drain(payload, taken)
            return taken
        if number not in self._early:
            self._early[number] = payload
            self._held += len(payload)
        if len(self._early) <= EARLY and self._held <= EARLY_BYTES:
            return []
        turn = self._next
        nearest = min([ahead(early, turn) for early in self._early])
        return self._skip(turn + nearest & _LAST)

    def acknowledged(self, number: int) -> list[bytes | None]:
        """The other side has all up to *number*: what is not captured of it soon will not come."""
        upto = number + 1 & _LAST
        if self.ended != _UNKNOWN and ahead(upto, self.ended) > 0:
            upto = self.ended  # the end has a number, too
        if self._next == _UNKNOWN or not 0 < ahead(upto, self._next) <= _FAR:
            return []
        self._acknowledged = upto
        self._late += 1
        if self._late <= LATE and self.ended == _UNKNOWN:
            return []
        return self._skip(upto)

    def rest(self) -> list[bytes | None]:
        """Nothing more comes: return what is left of what the other side has."""
        if self._acknowledged == _UNKNOWN or ahead(self._acknowledged, self._next) <= 0:
            return []
        return self._skip(self._acknowledged)

    def _skip(self, number: int) -> list[bytes | None]:
        """Go on with *number*, by way of what came early."""
        out: list[bytes | None] = []
        self._late = 0
        turn = self._next
        for _, each in sorted([(ahead(early, turn), early) for early in self._early]):
            if ahead(each, number) >= 0:
                break
            self._lose(ahead(each, self._next), out)
            out.append(self._taken(self._early.pop(each)))
            self._next = each + 1 & _LAST
        self._lose(ahead(number, self._next), out)
        self._next = number
        self._drain(self._early.pop(number, None), out)
        return out

    def _lose(self, count: int, out: list[bytes | None]) -> None:
        if count > 0:
            self.lost += count
            out.append(None)

    def _taken(self, payload: bytes) -> bytes:
        self._held -= len(payload)
        self.octets += len(payload)
        return payload

    def _drain(self, payload: bytes | None, out: list[bytes | None]) -> None:
        """Take *payload*, whose turn it is, and what came early behind it."""
        if payload is not None:
            self._late = 0
        while payload is not None:
            out.append(self._taken(payload))
            self._next = self._next + 1 & _LAST
            payload = self._early.pop(self._next, None) if self._early else None
