"""Alerts that wait for their receivers, in one SQLite file: nothing is lost by kill -9 or restart.

An alert is on disk (fsync) when `put` returns, once for each receiver, and goes when the receiver
has it. Bounded: when too many wait, the oldest go and are counted. While the disk is full, at the
start too, the newest wait in memory, as many as MEMORY, and are stored as soon as there is room.
What a receiver got meanwhile is not sent to it again.
"""

import contextlib
import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from errno import ENOSPC
from itertools import islice
from pathlib import Path
from typing import Any

from backchannel.errors import InputError, reason
from backchannel.live.files import is_there

MEMORY = 1000
"""Alerts that wait in memory while the disk is full."""
TAKEN = 1 << 17
"""Alerts of files that somebody took away that are known again if such a file is put back."""
_NO_ROOM = sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR
"""What SQLite says of a full disk: the second where it lacks room for its lock file."""
_DAMAGED = sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB
_SCHEMA = """
create table if not exists waiting (
    number integer primary key autoincrement,
    receiver text not null,
    id text not null,
    body blob not null,
    unique (receiver, id)
);
create index if not exists by_receiver on waiting (receiver, number);
"""
_FIRST = "select id, body from waiting where receiver = ? order by number limit 1 offset ?"
_IS_THERE = "select 1 from waiting where receiver = ? and id = ?"
_FORGET = "delete from waiting where receiver = ? and id = ?"
_ALL = "select receiver, id, body from waiting order by number"
_COUNTS = "select receiver, count(*) from waiting group by receiver"


class Spool:
    """All that waits. May be used from several threads."""

    def __init__(self, path: Path, limit: int) -> None:
        """*limit*: alerts kept for one receiver. Raises InputError where the file cannot be used,
        and moves a damaged one aside.
        """
        self.path, self._limit = path, limit
        self._lock = threading.Lock()
        self.dropped: Counter[str] = Counter()
        """Alerts that had to go undelivered, by receiver."""
        self.trouble = ""
        """Why nothing can be stored now; empty while all is well."""
        self.moved = ""
        """Where a damaged spool was moved to; whoever tells it takes it away."""
        self._memory: deque[tuple[str, str, bytes]] = deque()
        self._had: dict[str, set[str]] = {}
        """Alerts of the file that a receiver has, which could not be noted there: its oldest."""
        self._taken: dict[tuple[str, str], None] = {}
        """Alerts of files that somebody took away, which went on from here."""
        self.arrived = threading.Condition(self._lock)
        """Notified when there is something new."""
        self._base: sqlite3.Connection | None = None
        try:
            self._base = self._open_or_begin()
        except (OSError, sqlite3.Error) as error:
            if not _full(error):
                told = f"the spool of alerts cannot be opened: {reason(error)}"
                raise InputError(path, told) from None
            self.trouble = str(error)

    def put(self, receivers: Iterable[str], alert: str, body: bytes) -> None:
        """Keep an alert for *receivers*. One that has it waiting already does not get it twice."""
        with self.arrived:
            self._memory.extend((receiver, alert, body) for receiver in receivers)
            self._store()
            while len(self._memory) > MEMORY:
                self.dropped[self._memory.popleft()[0]] += 1
            self.arrived.notify_all()

    def first(self, receiver: str) -> tuple[str, bytes] | None:
        """Return the oldest alert that waits for *receiver*, with its id."""
        with self._lock:
            self._store()
            if rows := self._read(_FIRST, receiver, len(self._had.get(receiver, ()))):
                alert, body = rows[0]
                return str(alert), bytes(body)
            held = (each for each in self._memory if each[0] == receiver)
            return next(((alert, body) for _, alert, body in held), None)

    def done(self, receiver: str, alert: str) -> None:
        """Forget an alert that *receiver* has."""
        with self._lock:
            kept = [each for each in self._memory if each[:2] != (receiver, alert)]
            self._memory = deque(kept)
            if self._read(_IS_THERE, receiver, alert):
                self._had.setdefault(receiver, set()).add(alert)
                self._store()

    def depth(self, receivers: Sequence[str]) -> dict[str, int]:
        """Return how many alerts wait for each of *receivers*."""
        with self._lock:
            found = Counter(each[0] for each in self._memory)
            found.update(dict(self._read(_COUNTS)))
            found -= Counter({name: len(had) for name, had in self._had.items()})
        return {name: found[name] for name in receivers}

    def store(self) -> None:
        """Store what can be stored."""
        with self._lock:
            self._store()

    def close(self) -> None:
        """Store what can be stored, and close."""
        with self._lock:
            self._store()
            if self._base is not None:
                self._base.close()
            self._base = None

    def _open_or_begin(self) -> sqlite3.Connection:
        """Open the file; one that is damaged is moved aside. Raises OSError and sqlite3.Error."""
        try:
            return self._open()
        except sqlite3.Error as error:
            if not _is(error, _DAMAGED):  # no room, no right, or somebody else's
                raise
            self._move_aside()
            return self._open()

    def _move_aside(self) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged")
        self.path.replace(aside)
        self.moved = str(aside)

    def _read(self, question: str, *values: str | int) -> list[tuple[Any, ...]]:
        """Return the rows that answer a *question*; none where the file cannot be read."""
        if self._base is None:
            return []
        try:
            return self._base.execute(question, values).fetchall()
        except sqlite3.Error as error:
            self._fail(error)
        return []

    def _fail(self, error: Exception) -> None:
        """Note the trouble; move a file aside that turns out to be damaged, and begin another."""
        self.trouble = str(error)
        if not _is(error, _DAMAGED):
            return
        base, self._base = self._base, None
        self._had.clear()
        try:
            if base is not None:
                base.close()
            self._move_aside()
            self._base = self._open()
        except (OSError, sqlite3.Error) as other:  # tried again with what is put next
            self.trouble = str(other)

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        base = sqlite3.connect(self.path, check_same_thread=False)
        try:
            base.execute("pragma journal_mode = wal")
            base.execute("pragma synchronous = full")  # on disk when a transaction is over
            base.executescript(_SCHEMA)
            self._held = self.path.stat()
        except (OSError, sqlite3.Error):
            base.close()
            raise
        return base

    def _store(self) -> None:
        """Note on disk what receivers have, and move there what waits in memory."""
        try:
            if self._base is not None and not is_there(self.path, self._held):
                self._take_over(self._base)
            gone = [(receiver, alert) for receiver, had in self._had.items() for alert in had]
            if self._base is None:
                self._base = self._open()
                gone += self._taken  # it may be a file that was taken away, and is back
            with self._base:
                self._base.executemany(_FORGET, gone)
                self._base.executemany(
                    "insert or ignore into waiting (receiver, id, body) values (?, ?, ?)",
                    self._memory,
                )
                touched = {receiver for receiver, _, _ in self._memory}
                over = [
                    found for receiver in touched for found in self._bound(self._base, receiver)
                ]
        except (OSError, sqlite3.Error) as error:
            with contextlib.suppress(sqlite3.Error):
                if self._base is not None:
                    self._base.rollback()
            self._fail(error)
            return
        self.dropped.update(over)
        self.trouble = ""
        self._memory.clear()
        self._had.clear()

    def _take_over(self, base: sqlite3.Connection) -> None:
        """Take what waits from the file that is open, which somebody moved or deleted. Raises
        OSError, and leaves it open, where there can be no other.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        held = self._read(_ALL)
        waiting = [row for row in held if row[1] not in self._had.get(row[0], ())]
        self._taken |= dict.fromkeys((receiver, alert) for receiver, alert, _ in held)
        self._taken = dict(islice(self._taken.items(), max(0, len(self._taken) - TAKEN), None))
        self._memory.extendleft(reversed(waiting))
        self._had.clear()
        self._base = None
        base.close()

    def _bound(self, base: sqlite3.Connection, receiver: str) -> list[str]:
        """Let the oldest alerts of *receiver* go where there are too many; name it for each."""
        (count,) = base.execute(
            "select count(*) from waiting where receiver = ?", (receiver,)
        ).fetchone()
        over = max(0, int(count) - self._limit)
        if over:
            base.execute(
                "delete from waiting where number in "
                "(select number from waiting where receiver = ? order by number limit ?)",
                (receiver, over),
            )
        return [receiver] * over


def _full(error: Exception) -> bool:
    """Say whether *error* tells of a full disk."""
    return _is(error, _NO_ROOM) or (isinstance(error, OSError) and error.errno == ENOSPC)


def _is(error: Exception, codes: tuple[int, ...]) -> bool:
    """Say whether *error* is one of SQLite's *codes*."""
    return getattr(error, "sqlite_errorcode", -1) & 0xFF in codes
