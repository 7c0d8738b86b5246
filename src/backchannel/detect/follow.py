"""What looks closer at some events when it was asked to, and tells more of them.

A follower sees every observation after the engine told it. What it returns becomes an observation
at the same place, and goes the same way: to the summary, the rules and every output.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from backchannel.engine.observation import Observation
from backchannel.events import Event


class Follower(Protocol):
    """See above."""

    counters: Counter[str]
    """What it could not do, by name."""

    def follow(self, seen: Observation) -> Iterable[Event]:
        """Return what *seen* leads to; mostly nothing."""
