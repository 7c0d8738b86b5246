"""What the rules for one kind of event ask of it, each question compiled for that kind.

Every event is asked whether a rule matches, and one that matches what it is about: one call each,
with no names to look up on the way. What only a new finding asks is made ready when one comes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

from backchannel.detect.compiled import Compiled
from backchannel.detect.expressions import FAILURES, Expression, function
from backchannel.detect.names import TEXTS, speakers
from backchannel.engine.ended import Ended
from backchannel.engine.observation import Observation
from backchannel.text import escape

EXCERPT = 160
"""Characters of an excerpt."""

Seen: TypeAlias = Observation | Ended
Texts: TypeAlias = Callable[[Seen], tuple[str, ...]]


class Told(dict[str, Any]):
    """All that an event tells, by name; each is looked up when it is first asked for."""

    __slots__ = ("_plan", "_seen")

    def __init__(self, plan: "Plan", seen: Seen) -> None:
        self._plan, self._seen = plan, seen

    def __missing__(self, name: str) -> Any:
        value = self[name] = self._plan.look_up(name, self._seen)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a name, or *default* where the event has none of that name."""
        return self[name] if name in self._plan.places else default

    def all(self) -> dict[str, Any]:
        """Return all of them."""
        return {name: self[name] for name in self._plan.places}


class Plan:
    """All rules for one kind of event, or for streams that ended."""

    def __init__(self, tag: str, places: Mapping[str, str], rules: Sequence[Compiled]) -> None:
        self.tag, self.places = tag, places
        self.cases = [Case(self, rule) for rule in rules]
        self._known: dict[str, Callable[[Seen], Any]] = {}

    @cached_property
    def accounts(self) -> Texts:
        """Returns the accounts that are told of, some of them empty."""
        return function(_tuple(self.places[name] for name in speakers(self.places)))

    def look_up(self, name: str, seen: Seen) -> Any:
        """Return what has that *name*. Raises KeyError where nothing has."""
        if name not in self._known:
            self._known[name] = function(self.places[name])
        return self._known[name](seen)


class Case:
    """One rule for one kind of event."""

    def __init__(self, plan: Plan, rule: Compiled) -> None:
        self.plan, self.rule, self.found = plan, rule, rule.found
        self.holds = function(rule.when.at(plan.places))
        """Returns True for an event that matches. Raises FAILURES."""

    @cached_property
    def subject(self) -> Texts:
        """Returns what a finding is about."""
        return self._texts(self.rule.each)

    @cached_property
    def distinct(self) -> Texts | None:
        """Returns what must differ between matches that are counted."""
        return self._texts([self.rule.distinct]) if self.rule.distinct else None

    @cached_property
    def excerpt(self) -> Callable[[Seen], str]:
        """Returns what is shown of an event as evidence; without an expression, its tag."""
        if self.rule.excerpt is None:
            return lambda _seen: self.plan.tag
        texts = self._texts([self.rule.excerpt])
        return lambda seen: shown(texts(seen)[0])

    def _texts(self, expressions: Sequence[Expression]) -> Texts:
        """Return what gives the values of *expressions* as texts."""
        plan = self.plan
        plain = TEXTS & plan.places.keys()
        parts = [
            each.at(plan.places) if each.text in plain else f"str({each.at(plan.places)})"
            for each in expressions
        ]
        usual: Texts = function(_tuple(parts))
        if all(each.sure(plan.places) for each in expressions):
            return usual

        def texts(seen: Seen) -> tuple[str, ...]:
            try:
                return usual(seen)
            except FAILURES:  # of one, and the others have their values all the same
                told = Told(plan, seen)
                return tuple([str(each.value(told)) for each in expressions])

        return texts


def _tuple(parts: Iterable[str]) -> str:
    return f"({''.join(f'{part}, ' for part in parts)})"


def shown(value: Any) -> str:
    """Return a value as it may be shown: escaped and shortened."""
    return escape(str(value))[:EXCERPT]
