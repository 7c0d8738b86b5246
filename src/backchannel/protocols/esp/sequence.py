"""Counts the packets of one security association by their sequence numbers, in constant memory.

A packet that follows the last one costs an addition and two comparisons, because bulk traffic is
nearly all of that kind; the rest is sorted out in `_irregular`. Numbers that were passed over are
kept as at most HOLES ranges; a range that had to be forgotten stays counted as missing. Numbers
are compared modulo 2^32, so that extended sequence numbers, of which only the low half is on the
wire, wrap without a seam.
"""

MODULUS = 1 << 32
FORWARD = 1 << 24
"""A jump of this size or more is not loss: the number fits nowhere."""
REORDER = 64
"""Packets this far before the first one seen are late, not strange (RFC 4303's usual window)."""
RUN = 4
"""Consecutive numbers that fit nowhere, or were seen before, which make a new beginning."""
REGRET = 4096
"""Packets after a new beginning within which the old numbers going on show it was a replay."""
HOLES = 64


class Sequence:
    """The sequence numbers of one SA, and what they say about loss and replay."""

    __slots__ = (
        "_base",
        "_before_reset",
        "_holes",
        "_odd_at",
        "_odd_next",
        "_odd_replays",
        "_odd_run",
        "attend",
        "first",
        "late",
        "missing",
        "next",
        "octets",
        "outside",
        "packets",
        "replayed",
        "resets",
    )

    def __init__(self, sequence: int, size: int) -> None:
        self.begin(sequence, size)

    def begin(self, sequence: int, size: int) -> None:
        """Count the first packet."""
        self.first = self._base = sequence
        self.next = sequence + 1
        self.packets, self.octets = 1, size
        self.attend = 2
        """The number of packets at which the owner wants to be told."""
        self.missing = self.late = self.replayed = self.outside = self.resets = 0
        self._holes: list[tuple[int, int]] = []  # first number, how many
        self._odd_next, self._odd_at, self._odd_run, self._odd_replays = -1, -1, 0, False
        self._before_reset: tuple[int, int, int] | None = None  # next, base, packets

    @property
    def last(self) -> int:
        """The highest number seen, low 32 bits."""
        return (self.next - 1) % MODULUS

    def add(self, sequence: int, size: int) -> bool:
        """Count a packet; True where `attend` packets have come."""
        self.packets += 1
        self.octets += size
        if sequence == self.next:
            self.next = sequence + 1
        else:
            self._irregular(sequence)
        return self.packets >= self.attend

    def follows(self, sequence: int) -> bool:
        """Say whether *sequence* is what the same sender would send next, some loss allowed."""
        return (sequence - self.next) % MODULUS < REORDER

    def _irregular(self, sequence: int) -> None:
        ahead = (sequence - self.next) % MODULUS
        if self._resumes(sequence):
            self._undo_reset(sequence)
        elif ahead < FORWARD:
            self._skip(sequence, ahead)
        elif self._fill(sequence):
            self.late += 1
        elif 0 < (self._base - sequence) % MODULUS <= REORDER:
            self._precede(sequence)
        else:
            self._odd(sequence)

    def _skip(self, sequence: int, ahead: int) -> None:
        if ahead:
            self.missing += ahead
            self._hole((sequence - ahead) % MODULUS, ahead)
        self.next = sequence + 1

    def _hole(self, start: int, size: int) -> None:
        self._holes.append((start, size))
        if len(self._holes) > HOLES:
            del self._holes[0]

    def _fill(self, sequence: int) -> bool:
        """Take *sequence* out of the hole it belongs to."""
        for at in range(len(self._holes) - 1, -1, -1):
            start, size = self._holes[at]
            into = (sequence - start) % MODULUS
            if into < size:
                del self._holes[at]
                if into:
                    self._hole(start, into)
                if into + 1 < size:
                    self._hole((sequence + 1) % MODULUS, size - into - 1)
                self.missing -= 1
                return True
        return False

    def _precede(self, sequence: int) -> None:
        """The first packets came in the wrong order."""
        between = (self._base - sequence) % MODULUS - 1
        if between:
            self.missing += between
            self._hole((sequence + 1) % MODULUS, between)
        if self.first == self._base:
            self.first = sequence
        self._base = sequence
        self.late += 1

    def _odd(self, sequence: int) -> None:
        """A number seen before, or one that fits nowhere; several in a row are a new beginning."""
        replay = (sequence - self._base) % MODULUS < (self.next - self._base) % MODULUS
        goes_on = sequence == self._odd_next and self.packets == self._odd_at + 1
        same = goes_on and replay == self._odd_replays
        self._odd_run = self._odd_run + 1 if same else 1
        self._odd_next, self._odd_at, self._odd_replays = sequence + 1, self.packets, replay
        self._count_odd(replay, 1)
        if self._odd_run == RUN:
            self._count_odd(replay, -RUN)
            self._before_reset = self.next, self._base, self.packets - RUN
            self.resets += 1
            self.next, self._base = sequence + 1, (sequence - RUN + 1) % MODULUS
            self._holes.clear()

    def _count_odd(self, replay: bool, by: int) -> None:
        if replay:
            self.replayed += by
        else:
            self.outside += by

    def _resumes(self, sequence: int) -> bool:
        """Say whether the numbers go on where they were before they seemed to begin anew."""
        if self._before_reset is None:
            return False
        then, _, packets = self._before_reset
        near = self.packets - packets < REGRET
        return near and (sequence - then) % MODULUS < REORDER

    def _undo_reset(self, sequence: int) -> None:
        assert self._before_reset is not None
        self.next, self._base, packets = self._before_reset
        self._before_reset = None
        self.resets -= 1
        self._count_odd(self._odd_replays, self.packets - 1 - packets)
        self._skip(sequence, (sequence - self.next) % MODULUS)
