"""What the rules for one kind of event ask of it, each question compiled for that kind.

Every event is asked once, for all rules together, which match it and what each is about, with no
names to look up on the way. What only a match or a new finding asks is made ready when one comes.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import methodcaller
from string import Formatter
from typing import Any, TypeAlias

from backchannel.detect.compiled import Compiled, Subject
from backchannel.detect.expressions import FAILURES, Expression, function
from backchannel.detect.found import EXCERPT
from backchannel.detect.functions import join
from backchannel.detect.names import ANY, Vocabulary
from backchannel.engine.ended import Ended
from backchannel.engine.observation import Observation
from backchannel.text import escape

_PARTS = Formatter().parse
SECOND = 1_000_000_000

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

    def __init__(self, names: Vocabulary, rules: Sequence[Compiled]) -> None:
        self.tag, self.places, self.texts, self.speakers = names
        self.cases = [Case(self, rule) for rule in rules]
        self._subjects: Callable[[Seen], tuple[Subject | None, ...]] | None = None
        self._accounts: Texts | None = None
        self._only_known = [self.places[name] for name in self.speakers] == [ANY["account"]]
        """Whether the event itself names no account."""
        self._known: dict[str, Callable[[Seen], Any]] = {}

    def subjects(self, seen: Seen) -> tuple[Subject | None, ...]:
        """Return, for each of the `cases`, what a finding is about; None where it does not match.

        *seen* is shown to all of them in one call.
        """
        if self._subjects is None:
            self._subjects = function(_tuple([case.text for case in self.cases]))
        try:
            return self._subjects(seen)
        except FAILURES:  # of one, and the others may match all the same
            return tuple([case.match(seen) for case in self.cases])

    def accounts(self, seen: Seen) -> tuple[str, ...]:
        """Return the accounts that are told of, some of them empty."""
        if self._only_known:
            return (seen.account,)
        if self._accounts is None:
            self._accounts = function(_tuple([self.places[name] for name in self.speakers]))
        return self._accounts(seen)

    def look_up(self, name: str, seen: Seen) -> Any:
        """Return what has that *name*. Raises KeyError where nothing has."""
        if name not in self._known:
            self._known[name] = function(self.places[name])
        return self._known[name](seen)


class Case:
    """One rule for one kind of event."""

    def __init__(self, plan: Plan, rule: Compiled) -> None:
        self.plan, self.rule = plan, rule
        self.found, self.watched = rule.found, rule.watched
        count = rule.rule.count
        self.at_least = count.at_least if count else 1
        """Matches that make a finding."""
        self.within = count.within * SECOND if count else 0
        self.apart = count.apart * SECOND if count else 0
        """As in the rule, in nanoseconds."""
        self._holds: Callable[[Seen], Any] | None = None
        self._subject: Texts | None = None
        self._distinct: Texts | None = None
        self._excerpt: Texts | None = None
        self._values: Callable[[Seen], tuple[Any, ...]] | None = None
        names, self._text = named(rule.rule.summary)
        self.names = *names, "service", "capability"
        """What a finding tells: the names in the rule's summary, and these two."""

    def values(self, seen: Seen) -> tuple[Any, ...]:
        """Return the values of `names`."""
        if self._values is None:
            self._values = function(_tuple([self.plan.places.get(n, "''") for n in self.names]))
        return self._values(seen)

    def summary(self, values: Sequence[Any]) -> str:
        """Return the rule's summary where `names` have these *values*."""
        return self._text.format(*[_said(value) for value in values[:-2]])

    @property
    def text(self) -> str:
        """What `match` does, for `function`; it raises FAILURES."""
        return f"({self._text_of(self.rule.each)} if {self._when} is True else None)"

    @property
    def _when(self) -> str:
        return self.rule.when.at(self.plan.places)

    def match(self, seen: Seen) -> Subject | None:
        """Return what a finding is about; None where the rule does not match."""
        if self._holds is None:
            self._holds = function(self._when)
            self._subject = self._texts(self.rule.each)
        assert self._subject is not None
        try:
            return self._subject(seen) if self._holds(seen) is True else None
        except FAILURES:
            return None

    def distinct(self, seen: Seen) -> tuple[str, ...] | int:
        """Return what must differ between matches that are counted; else, a new number."""
        if self._distinct is None:
            if self.rule.distinct is None:
                return next(self.rule.numbers)
            self._distinct = self._texts([self.rule.distinct])
        return self._distinct(seen)

    def excerpt(self, seen: Seen) -> str:
        """Return what is shown of an event as evidence; without an expression, its tag. It is not
        escaped yet.
        """
        if self._excerpt is None:
            if self.rule.excerpt is None:
                return self.plan.tag
            self._excerpt = self._texts([self.rule.excerpt])
        return str(self._excerpt(seen)[0])[:EXCERPT]

    def _texts(self, expressions: Sequence[Expression]) -> Texts:
        """Return what gives the values of *expressions* as texts."""
        plan = self.plan
        usual: Texts = function(self._text_of(expressions))
        if all(map(methodcaller("sure", plan.places), expressions)):
            return usual

        def texts(seen: Seen) -> tuple[str, ...]:
            try:
                return usual(seen)
            except FAILURES:  # of one, and the others have their values all the same
                told = Told(plan, seen)
                return tuple([str(each.value(told)) for each in expressions])

        return texts

    def _text_of(self, expressions: Sequence[Expression]) -> str:
        """Return what `function` makes the values of *expressions* of, as texts."""
        places, texts = self.plan.places, self.plan.texts
        parts = [
            each.at(places) if each.text in texts else f"str({each.at(places)})"
            for each in expressions
        ]
        return _tuple(parts)


def _tuple(parts: Iterable[str]) -> str:
    return f"({''.join(f'{part}, ' for part in parts)})"


def named(summary: str) -> tuple[tuple[str, ...], str]:
    """Return the names in a rule's *summary*, and the summary with their numbers instead."""
    names, text = dict[str, int](), ""
    for literal, name, form, conversion in _PARTS(summary):
        text += literal.replace("{", "{{").replace("}", "}}")
        if name is not None:
            number = names.setdefault(name, len(names))
            text += f"{{{number}{'!' + conversion if conversion else ''}{form and ':' + form}}}"
    return tuple(names), text


def _said(value: Any) -> str:
    """Return a value as it stands in a summary: escaped, shortened, and never empty."""
    if isinstance(value, tuple):
        value = join(value)
    return escape(str(value)[:EXCERPT])[:EXCERPT] or "somebody"
