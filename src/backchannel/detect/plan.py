"""What the rules for one kind of event ask of it, each question compiled for that kind.

Events that agree in what has few values, such as their protocol, form a group, and only the rules
that can match these are asked: of many events at once, with no names to look up on the way, and
nothing that is the same for all of them. What only a match or a new finding asks is made ready when
one comes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, TypeAlias

from backchannel.detect.expressions import FAILURES, Expression, function, is_place
from backchannel.detect.found import brief
from backchannel.detect.functions import join
from backchannel.detect.names import ANY, FEW, PERSONS, Vocabulary
from backchannel.detect.prepared import PARTS
from backchannel.detect.running import RunningRule, Subject
from backchannel.engine.ended import Ended
from backchannel.engine.observation import Observation
from backchannel.text import escape

SECOND = 1_000_000_000
MANY = 5
"""Rules for a kind of event from which on its events are grouped by more than their service: less
takes longer to group than to ask.
"""
GROUPS = 1024
"""Groups of events of one kind; nothing is lost with those that are forgotten."""

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

    def __init__(self, names: Vocabulary, rules: Sequence[RunningRule]) -> None:
        self.tag, self.places, self.texts, self.speakers = names
        few = FEW if len(rules) >= MANY else frozenset[str]()
        self.cases = [Case(self, rule, few) for rule in rules]
        self._groups: dict[Any, Group] = {}
        self._key: Callable[[Sequence[Seen]], list[Any]] | None = None
        self._waiting: list[Seen] = []
        self._sorted: list[Group] = []
        """The group of each that waited, and how many of them were given out."""
        self._given = 0
        self._accounts: Texts | None = None
        self._only_known = [self.places[name] for name in self.speakers] == [ANY["account"]]
        """Whether the event itself names no account."""
        self._known: dict[str, Callable[[Seen], Any]] = {}

    def add(self, seen: Seen) -> None:
        """Let something wait until `next` is asked for its group."""
        self._waiting.append(seen)

    def next(self) -> "Group":
        """Return the group of the next one that was added; it waits there for its `Group.next`."""
        if self._waiting:
            self._sort()
        self._given += 1
        return self._sorted[self._given - 1]

    def _sort(self) -> None:
        """Find the groups of all that wait."""
        if self._key is None:
            self._key = function(self._key_text())
        waiting, self._waiting = self._waiting, []
        self._sorted, self._given = [], 0
        for number, key in enumerate(self._key(waiting)):
            seen = waiting[number]
            group = self._groups.get(key)
            if group is None:
                if len(self._groups) >= GROUPS:
                    self._groups.clear()
                able = [case for case in self.cases if seen.service and case.may_match(seen)]
                group = self._groups[key] = Group(able)
            if group.cases:
                group.waiting.append(seen)
            self._sorted.append(group)

    def accounts(self, seen: Seen) -> tuple[str, ...]:
        """Return the accounts that are told of, some of them empty."""
        if self._only_known:
            return (seen.account,) if seen.account else ()
        if self._accounts is None:
            self._accounts = function(self._accounts_text())
        return self._accounts(seen)

    def questions(self) -> list[str]:
        """Return what `function` can be asked to work out here while a scan runs."""
        own = [self._key_text(), *([] if self._only_known else [self._accounts_text()])]
        return own + [text for case in self.cases for text in case.questions()]

    def _key_text(self) -> str:
        """Return what tells the groups of events apart."""
        told = {name for case in self.cases for part in case.settled for name in part.names}
        places = [self.places[name] for name in sorted(told) if name in self.places]
        key = _tuple([ANY["service"], *places]) if places else ANY["service"]
        return f"[{key} for seen in seen]"

    def _accounts_text(self) -> str:
        return _tuple([self.places[name] for name in self.speakers])

    def look_up(self, name: str, seen: Seen) -> Any:
        """Return what has that *name*. Raises KeyError where nothing has."""
        if name not in self._known:
            self._known[name] = function(self.places[name])
        return self._known[name](seen)


class Group:
    """Events of one kind that have the same service, and, where rules are MANY, agree in all of FEW
    that they ask for.
    """

    def __init__(self, cases: list["Case"]) -> None:
        self.cases = cases
        """The rules that can match them, which was asked once, of the first one."""
        self.waiting: list[Seen] = []
        self.subjects: list[list[Subject | None]] = []
        """For each of the `cases`, and each of those that waited, what a finding is about; None
        where it does not match.
        """
        self._given = 0

    def next(self) -> int:
        """Return the place in `subjects` of the next one that waited. All that wait are shown to a
        rule in one call, as asking takes longer than the answer.
        """
        if self.waiting:
            waiting, self.waiting = self.waiting, []
            self.subjects, self._given = [], 0
            for case in self.cases:
                self.subjects.append(case.subjects(waiting))
        self._given += 1
        return self._given - 1


class Case:
    """One rule for one kind of event."""

    def __init__(self, plan: Plan, rule: RunningRule, few: Set[str] = frozenset()) -> None:
        """*few*: the names in which all events of a group agree."""
        self.plan, self.rule = plan, rule
        self.found, self.watched = rule.found, rule.watched
        count = rule.rule.count
        self.at_least = count.at_least if count else 1
        """Matches that make a finding."""
        self.within = count.within * SECOND if count else 0
        self.apart = count.apart * SECOND if count else 0
        """As in the rule, in nanoseconds."""
        self.settled, self._open = rule.when.split(few)
        """Of what must hold, that which is the same for all of a group; and all else."""
        self._settles: Callable[[Seen], Any] | None = None
        self._subjects: Callable[[Sequence[Seen]], list[Subject | None]] | None = None
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
        places = self.plan.places
        of_match = [self._as_text(each, places) for each in (self._counted, self._shown) if each]
        return [self._settled_text(), self._subjects_text(), self._values_text(), *of_match]

    def _values_text(self) -> str:
        return _tuple([self.plan.places.get(name, "''") for name in self.names])

    def summary(self, values: tuple[Any, ...]) -> str:
        """Return the rule's summary where `names` have these *values*. Of names side by side the
        first that has one is told.
        """
        told: list[str] = []
        number, last, called = 0, None, ""
        for text, name in self._parts:
            if text or not told:
                if last is not None:
                    told.append(_said(called, last))
                told.append(text)
                last = values[number] if name else None
            elif not last:
                last = values[number]
            called = name
            number += bool(name)
        if last is not None:
            told.append(_said(called, last))
        return "".join(told)

    def may_match(self, seen: Seen) -> bool:
        """Say whether what is seen can match, and all of its group."""
        if self._settles is None:
            self._settles = function(self._settled_text())
        try:
            return bool(self._settles(seen))
        except FAILURES:
            return False

    def _settled_text(self) -> str:
        return " and ".join([part.at(self.plan.places) for part in self.settled]) or "True"

    def subjects(self, seen: Sequence[Seen]) -> list[Subject | None]:
        """Return what a finding is about for each of those *seen*, of a group of which `may_match`
        is true; None where it does not match.
        """
        if self._subjects is None:
            self._subjects = function(self._subjects_text())
        try:
            return self._subjects(seen)
        except FAILURES:  # of one, and the others may match all the same
            return [self.match(each) for each in seen]

    def _subjects_text(self) -> str:
        asked = [name for each in (*self._open, *self.rule.each) for name in each.asked]
        places, given = shared(self.plan.places, asked)
        subject = self._text_of(self.rule.each, places)
        if self._open:
            holds = " and ".join([part.at(places) for part in self._open])
            holds = holds if self.rule.when.sure else f"{holds} is True"
            subject = f"({subject} if {holds} else None)"
        return f"[{subject} for seen in seen{given}]"

    def match(self, seen: Seen) -> Subject | None:
        """Return what a finding is about; None where the rule does not match."""
        if self._holds is None:
            self._holds = function(self.rule.when.at(self.plan.places))
        try:
            holds = self._holds(seen) is True
        except FAILURES:
            return None
        if not holds:
            return None
        if self._subject is None:
            self._subject = function(self._text_of(self.rule.each, self.plan.places))
        try:
            return self._subject(seen)
        except FAILURES:
            return self._one_by_one(self.rule.each, seen)

    def distinct(self, seen: Seen) -> str | int:
        """Return what must differ between matches that are counted; else, a new number."""
        if self._counted is None:
            return next(self.rule.numbers)
        if self._distinct is None:
            self._distinct = function(self._as_text(self._counted, self.plan.places))
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
            self._excerpt = function(self._as_text(self._shown, self.plan.places))
        try:
            text = self._excerpt(seen)
        except FAILURES:
            text = self._one_by_one([self._shown], seen)[0]
        return brief(text)

    def _one_by_one(self, expressions: Sequence[Expression], seen: Seen) -> tuple[str, ...]:
        """Return the values of *expressions* as texts, where one of them fails."""
        told = Told(self.plan, seen)
        return tuple([str(each.value(told)) for each in expressions])

    def _text_of(self, expressions: Sequence[Expression], places: Mapping[str, str]) -> str:
        """Return what `function` makes the values of *expressions* of, as texts."""
        return _tuple([self._as_text(each, places) for each in expressions])

    def _as_text(self, expression: Expression, places: Mapping[str, str]) -> str:
        """Return what `function` makes the value of an *expression* of, as a text."""
        place = expression.at(places)
        return place if expression.text in self.plan.texts else f"str({place})"


def shared(places: Mapping[str, str], asked: Iterable[str]) -> tuple[dict[str, str], str]:
    """Return *places* where what is *asked* for more than once is looked up once, and what looks it
    up: clauses of a comprehension over `seen`. Python takes `for x in [y]` as `x = y`.
    """
    often = {name for name, times in Counter(asked).items() if times > 1}
    own, clauses = dict(places), list[str]()
    for name in sorted(often):
        place = places.get(name, "")
        if is_place(place):
            own[name] = f"its_{name}"
            clauses.append(f" for its_{name} in [{place}]")
    for part in ("flow", "event"):
        within = f"[seen.{part}."
        if sum(within in clause for clause in clauses) > 1:
            told = [clause.replace(within, f"[_{part}.") for clause in clauses]
            clauses = [f" for _{part} in [seen.{part}]", *told]
    return own, "".join(clauses)


def _tuple(parts: Iterable[str]) -> str:
    return f"({''.join(f'{part}, ' for part in parts)})"


def parts(summary: str) -> tuple[tuple[str, str], ...]:
    """Return a rule's *summary* as pairs: a text, and the name whose value follows it, or nothing.

    Raises ValueError where it is not written as it must be.
    """
    if (known := PARTS.get(summary)) is not None:
        return known
    from string import Formatter  # noqa: PLC0415 - which our own rules do not need

    told = list[tuple[str, str]]()
    for text, name, form, conversion in Formatter().parse(summary):
        if name is not None and (not name.isidentifier() or form or conversion):
            raise ValueError(
                f"a name in curly brackets stands alone there, as in {{client}}: {name!r}"
            )
        told.append((text, name or ""))
    return tuple(told)


def _said(name: str, value: Any) -> str:
    """Return a value as it stands in a summary: escaped, shortened, and never empty."""
    text = join(value) if isinstance(value, tuple) else str(value)
    return brief(escape(brief(text))) or ("somebody" if name in PERSONS else "unknown")
