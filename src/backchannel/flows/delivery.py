"""What the core hands over; `core.pyi` says what each word means."""

from typing import TypeAlias

DATA, GAP, END, CLOSED = 0, 1, 2, 3
IDLE, REUSED, EVICTED, FINISHED = 0, 1, 2, 3
Delivery: TypeAlias = tuple[int, int, int, int, int, bytes | int]
