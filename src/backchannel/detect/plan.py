"""What the rules for one kind of event ask of it, each question compiled for that kind.

Many events are asked at once, for all rules together, which match each and what it is about, with
no names to look up on the way. What only a match or a new finding asks is made ready when one
comes.
"""

from collections.abc import Callable, Iterable, Sequence
from string import Formatter
from typing import Any, TypeAlias

from backchannel.detect.compiled import Compiled, Subject
from backchannel.detect.expressions import FAILURES, Expression, function
from backchannel.detect.found import brief
from backchannel.detect.functions import join
from backchannel.detect.names import ANY, Vocabulary
from backchannel.engine.ended import Ended
from backchannel.engine.observation import Observation
from backchannel.text import escape

SECOND = 1_000_000_000

Seen: TypeAlias = Observation | Ended
Subjects: TypeAlias = tuple[Subject | None, ...]
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
        self._subjects: Callable[[Sequence[Seen]], list[Subjects]] | None = None
        self._waiting: list[Seen] = []
        self._answers: list[Subjects] = []
        """What `subjects` says of what waited, and how much of it was given out."""
        self._given = 0
        self._accounts: Texts | None = None
        self._only_known = [self.places[name] for name in self.speakers] == [ANY["account"]]
        """Whether the event itself names no account."""
        self._known: dict[str, Callable[[Seen], Any]] = {}

    def add(self, seen: Seen) -> None:
        """Let something wait until `next` is asked for what it means."""
        self._waiting.append(seen)

    def next(self) -> Subjects:
        """Return what `subjects` says of the next one that was added."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._answers, self._given = self.subjects(waiting), 0
        self._given += 1
        return self._answers[self._given - 1]

    def subjects(self, seen: Sequence[Seen]) -> list[Subjects]:
        """Return, for each of those that were *seen*, and then for each of the `cases`, what a
        finding is about; None where it does not match. Of what belongs to no service of the
        catalogue there are no findings, and nothing is told of any case.

        All of them are shown to all cases in one call.
        """
        if self._subjects is None:
            self._subjects = function(self._subjects_text())
        try:
            return self._subjects(seen)
        except FAILURES:  # of one, and the others may match all the same
            if len(seen) > 1:
                return [self.subjects([each])[0] for each in seen]
            return [tuple([case.match(each) for case in self.cases]) for each in seen]

    def accounts(self, seen: Seen) -> tuple[str, ...]:
        """Return the accounts that are told of, some of them empty."""
        if self._only_known:
            return (seen.account,) if seen.account else ()
        if self._accounts is None:
            self._accounts = function(self._accounts_text())
        return self._accounts(seen)

    def questions(self) -> list[str]:
        """Return what `function` can be asked to work out here while a scan runs."""
        own = [self._subjects_text(), *([] if self._only_known else [self._accounts_text()])]
        return own + [text for case in self.cases for text in case.questions()]

    def _subjects_text(self) -> str:
        subjects = _tuple([case.text for case in self.cases])
        return f"[{subjects} if {ANY['service']} else () for seen in seen]"

    def _accounts_text(self) -> str:
        return _tuple([self.places[name] for name in self.speakers])

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
        self._counted, self._shown = rule.distinct, rule.excerpt
        self._distinct: Callable[[Seen], str] | None = None
        self._excerpt: Callable[[Seen], str] | None = None
        self._values: Callable[[Seen], tuple[Any, ...]] | None = None
        self._parts = parts(rule.rule.summary)
        self.names = *[name for _, name in self._parts if name], "service", "capability"
        """What a finding tells: the names in the rule's summary, and these two."""

    def values(self, seen: Seen) -> tuple[Any, ...]:
        """Return the values of `names`."""
        if self._values is None:
            self._values = function(self._values_text())
        return self._values(seen)

    def questions(self) -> list[str]:
        """Return what `function` is asked to work out where this rule matches."""
        of_match = [self._as_text(each) for each in (self._counted, self._shown) if each]
        return [self._values_text(), *of_match]

    def _values_text(self) -> str:
        return _tuple([self.plan.places.get(name, "''") for name in self.names])

    def summary(self, values: tuple[Any, ...]) -> str:
        """Return the rule's summary where `names` have these *values*. Of names side by side the
        first that has one is told.
        """
        told: list[tuple[str, Any]] = []
        number = 0
        for text, name in self._parts:
            value = values[number] if name else None
            number += bool(name)
            if text or not told:
                told.append((text, value))
            elif not told[-1][1]:
                told[-1] = told[-1][0], value
        return "".join([text if value is None else text + _said(value) for text, value in told])

    @property
    def text(self) -> str:
        """What `match` does, for `function`; it raises FAILURES."""
        holds = self._when if self.rule.when.sure else f"{self._when} is True"
        return f"({self._text_of(self.rule.each)} if {holds} else None)"

    @property
    def _when(self) -> str:
        return self.rule.when.at(self.plan.places)

    def match(self, seen: Seen) -> Subject | None:
        """Return what a finding is about; None where the rule does not match."""
        if self._holds is None:
            self._holds = function(self._when)
        try:
            holds = self._holds(seen) is True
        except FAILURES:
            return None
        if not holds:
            return None
        if self._subject is None:
            self._subject = function(self._text_of(self.rule.each))
        try:
            return self._subject(seen)
        except FAILURES:
            return self._one_by_one(self.rule.each, seen)

    def distinct(self, seen: Seen) -> str | int:
        """Return what must differ between matches that are counted; else, a new number."""
        if self._counted is None:
            return next(self.rule.numbers)
        if self._distinct is None:
            self._distinct = function(self._as_text(self._counted))
        try:
            return self._distinct(seen)
        except FAILURES:
            return self._one_by_one([self._counted], seen)[0]

    def excerpt(self, seen: Seen) -> str:
        """Return what is shown of an event as evidence; without an expression, its tag. It is not
        escaped yet.
        """
        if self._shown is None:
            return self.plan.tag
        if self._excerpt is None:
            self._excerpt = function(self._as_text(self._shown))
        try:
            text = self._excerpt(seen)
        except FAILURES:
            text = self._one_by_one([self._shown], seen)[0]
        return brief(text)

    def _one_by_one(self, expressions: Sequence[Expression], seen: Seen) -> tuple[str, ...]:
        """Return the values of *expressions* as texts, where one of them fails."""
        told = Told(self.plan, seen)
        return tuple([str(each.value(told)) for each in expressions])

    def _text_of(self, expressions: Sequence[Expression]) -> str:
        """Return what `function` makes the values of *expressions* of, as texts."""
        return _tuple([self._as_text(each) for each in expressions])

    def _as_text(self, expression: Expression) -> str:
        """Return what `function` makes the value of an *expression* of, as a text."""
        place = expression.at(self.plan.places)
        return place if expression.text in self.plan.texts else f"str({place})"


def _tuple(parts: Iterable[str]) -> str:
    return f"({''.join(f'{part}, ' for part in parts)})"


def parts(summary: str) -> tuple[tuple[str, str], ...]:
    """Return a rule's *summary* as pairs: a text, and the name whose value follows it, or nothing.

    Raises ValueError where it is not written as it must be.
    """
    told = list[tuple[str, str]]()
    for text, name, form, conversion in Formatter().parse(summary):
        if name is not None and (not name.isidentifier() or form or conversion):
            raise ValueError(
                f"a name in curly brackets stands alone there, as in {{client}}: {name!r}"
            )
        told.append((text, name or ""))
    return tuple(told)


def _said(value: Any) -> str:
    """Return a value as it stands in a summary: escaped, shortened, and never empty."""
    text = join(value) if isinstance(value, tuple) else str(value)
    return brief(escape(brief(text))) or "somebody"
