"""Decided connections under a changed policy: shown to the inspector a few at a time, and marked.

begin -> Revise -> Revised -> marks changed, next Revise ... until all were shown
"""

from collections.abc import Iterator
from itertools import islice

from backchannel.enforce import connections
from backchannel.enforce.connections import Connection, Marker
from backchannel.enforce.marks import Marks
from backchannel.enforce.messages import BATCH, Revise, Revised


class Revision:
    """One pass over all connections at a time; another beginning makes it begin anew."""

    def __init__(self, marks: Marks) -> None:
        self._marks, self._number = marks, 0
        self._left: Iterator[Connection] = iter(())
        self._shown: tuple[Connection, ...] = ()
        self.due = False
        """Whether the policy has changed, and not every connection has been looked at since."""

    def begin(self) -> Revise | None:
        """Look at every connection; return what the inspector is to be asked first.

        Whether a connection fails closed is forgotten: its next packet tells, by the new rules.
        """
        verdict, closed = self._marks.mask, self._marks.closed
        found = [each for each in connections.every() if each.mark & (verdict | closed)]
        with Marker() as marker:
            for each in found:
                if each.mark & closed:
                    marker.change(each, 0, closed)
        self._left = iter([each for each in found if each.mark & verdict])
        return self._next()

    def changed(self, told: Revised) -> Revise | None:
        """Give connections the marks that the inspector says; return what to ask next."""
        if told.number != self._number:
            return None  # of a pass before
        with Marker() as marker:
            for at, mark in told.marks.items():
                if 0 <= at < len(self._shown):
                    marker.change(self._shown[at], mark, self._marks.mask)
        return self._next()

    def drop(self) -> None:
        """Ask nothing more, though it may be due."""
        self._number += 1
        self._left, self._shown = iter(()), ()

    def _next(self) -> Revise | None:
        self._number += 1
        self._shown = tuple(islice(self._left, BATCH))
        self.due = bool(self._shown)
        return Revise(self._number, self._shown) if self._shown else None
