"""Work that waits, done in turn by the user whose it is: so nobody keeps others waiting.

Whose work has cost least is next. Who had none for a while begins with what those who are served
now have spent, so that nobody has saved up, and nobody pays for what was long ago (start-time fair
queueing; Goyal, Vin and Cheng, 1996).
"""

from collections import deque
from typing import Generic, TypeVar

_Work = TypeVar("_Work")


class Turns(Generic[_Work]):
    """What waits, by user."""

    def __init__(self) -> None:
        self._waiting = dict[int, deque[_Work]]()
        self._spent = dict[int, int]()
        self._now = 0
        """What the user who was served last had spent before."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, user: int, work: _Work) -> None:
        """Let some work wait."""
        if user not in self._waiting:
            self._waiting[user] = deque()
            self._spent[user] = max(self._spent.get(user, 0), self._now)
        self._waiting[user].append(work)
        self._count += 1

    def spend(self, user: int, amount: int) -> None:
        """Count what a user's work cost, in any unit."""
        self._spent[user] = max(self._spent.get(user, 0), self._now) + amount

    def next(self) -> tuple[int, _Work] | None:
        """Return who is next, and what for; None where nothing waits."""
        if not self._waiting:
            return None
        user = min(self._waiting, key=lambda each: self._spent[each])
        self._now = self._spent[user]
        work = self._waiting[user].popleft()
        self._count -= 1
        if not self._waiting[user]:
            del self._waiting[user]
        if not self._waiting:
            self._spent = {user: self._spent[user]}
        return user, work
