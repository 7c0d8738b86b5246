"""What the core hands over; `core.pyi` says what each word means."""

from typing import NamedTuple, TypeAlias

DATA, GAP, END, CLOSED = 0, 1, 2, 3
IDLE, REUSED, EVICTED, FINISHED = 0, 1, 2, 3
Delivery: TypeAlias = tuple[int, int, int, int, int, bytes | int]


class Due(NamedTuple):
    """The same with names."""

    slot: int
    side: int
    kind: int
    time: int
    frame: int
    payload: bytes | int
