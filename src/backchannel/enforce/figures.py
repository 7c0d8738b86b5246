"""Figures of inspectors that are gone, added to those of the one that works now."""

from collections import Counter
from itertools import zip_longest

import msgspec

from backchannel.enforce.messages import Figures, QueueFigures, Refused

_COUNTED = ("received", "answered", "overruns", "malformed", "refused")


class Sum:
    """What all inspectors before have counted."""

    def __init__(self) -> None:
        self.restarts = 0
        self._before = Figures(number=0)

    def add(self, last: Figures) -> None:
        """An inspector is gone; *last* is what it told last."""
        self._before = self.with_(last)
        self.restarts += 1

    def with_(self, now: Figures) -> Figures:
        """Return the figures of all together."""
        before = self._before
        return msgspec.structs.replace(
            now,
            queues=tuple(_queues(before.queues, now.queues)),
            passed=before.passed + now.passed,
            settled=before.settled + now.settled,
            costs=tuple(map(sum, zip_longest(before.costs, now.costs, fillvalue=0))),
            refusals=_refusals(before.refusals + now.refusals),
            counters=_added(before.counters, now.counters),
            core=_added(before.core, now.core),
            flows=before.flows + now.flows,
            packets=before.packets + now.packets,
        )


def _added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return dict(sorted((Counter(one) + Counter(other)).items()))


def _refusals(all_: tuple[Refused, ...]) -> tuple[Refused, ...]:
    found: Counter[tuple[str, str, str, str]] = Counter()
    for each in all_:
        found[each.action, each.line, each.service, each.capability] += each.times
    return tuple(Refused(*why, times) for why, times in sorted(found.items()))


def _queues(before: tuple[QueueFigures, ...], now: tuple[QueueFigures, ...]) -> list[QueueFigures]:
    found: dict[int, QueueFigures] = {}
    for each in before + now:
        old = found.get(each.number, QueueFigures(number=each.number))
        counted = {name: getattr(old, name) + getattr(each, name) for name in _COUNTED}
        found[each.number] = QueueFigures(number=each.number, **counted)
    return list(found.values())
