"""What the rules for one kind of event ask of it, and what is remembered of their answers.

Few rules match, so the names that decide are looked up for all events, and all that an event tells
only for those that match. Expressions are pure: the same values of the names that they ask for
give the same answer, and the same few values come again and again.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeAlias, TypeVar

from backchannel.detect.compiled import Compiled
from backchannel.detect.found import ACCOUNTS
from backchannel.engine.observation import FlowInfo, Observation
from backchannel.events import Event
from backchannel.text import escape

EXCERPT = 160
"""Characters of an excerpt."""
REMEMBERED = 4_096
"""Values whose answers are remembered, for each kind of event, and for each of its rules."""
LONGEST, SEVERAL = 256, 16
"""Characters of a text that is remembered, and texts of a list: messages and lists of files are
not kept for the sake of speed."""
GIVE_UP = 64
"""Values in a row that were new, after which none of that kind is remembered any more."""

Answer = TypeVar("Answer")
Get: TypeAlias = Callable[[Observation], Any]
Values: TypeAlias = tuple[Any, ...]
Subject: TypeAlias = tuple[tuple[str, ...], str]
"""What a finding is about, and the value that must differ where matches are counted."""


class Told(dict[str, Any]):
    """All that an event tells, by name; each is looked up when it is first asked for."""

    __slots__ = ("_getters", "_seen")

    def __init__(self, getters: Mapping[str, Get], seen: Observation) -> None:
        self._getters, self._seen = getters, seen

    def __missing__(self, name: str) -> Any:
        value = self[name] = self._getters[name](self._seen)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a name, or *default* where the event has none of that name."""
        return self[name] if name in self._getters else default

    def all(self) -> dict[str, Any]:
        """Return all of them."""
        return {name: self[name] for name in self._getters}


class Plan:
    """What the rules for one kind of event ask of it."""

    def __init__(self, kind: type[Event], rules: list[Compiled]) -> None:
        self.rules = rules
        self.tag = str(kind.__struct_config__.tag)
        self._paths = {name: f"event.{name}" for name in kind.__struct_fields__}
        self._told: dict[str, Get] = {name: _constant(value) for name, value in DEFAULTS.items()}
        self._told |= {name: attrgetter(path) for name, path in self._paths.items()}
        # where an event has a field of the same name (a program called `client`), the flow's wins
        self._told["program"] = self._told.get("client", _constant(""))
        self._told |= SEEN
        self._paths = {name: path for name, path in self._paths.items() if name not in SEEN} | PATHS
        speakers = [name for name in ACCOUNTS if name in {*kind.__struct_fields__, "account"}]
        self.accounts = self._values(speakers)
        """Returns the accounts that an event names, some of them empty."""
        wanted = {name for rule in rules for name in rule.when.names}
        self._asked = tuple(name for name in self._told if name in wanted)
        self._asks = self._values(self._asked)
        self._matching: _Memory[list[Compiled]] = _Memory(self._match)
        self._subjects = {rule: self._subject(rule) for rule in rules}
        self._excerpts = {rule: self._excerpt(rule) for rule in rules}

    def told(self, seen: Observation) -> Told:
        """Return all that an event tells."""
        return Told(self._told, seen)

    def matching(self, seen: Observation) -> list[Compiled]:
        """Return the rules that match an event."""
        return self._matching.answer(self._asks(seen))

    def subject(self, rule: Compiled, seen: Observation) -> Subject:
        """Return what a finding of the rule is about, and the value that it counts by."""
        return self._subjects[rule](seen)

    def excerpt(self, rule: Compiled, seen: Observation) -> str:
        """Return what is shown of an event as evidence of the rule."""
        return self._excerpts[rule](seen)

    def _match(self, values: Values) -> list[Compiled]:
        names = dict(zip(self._asked, values, strict=True))
        return [rule for rule in self.rules if rule.when.value(names) is True]

    def _subject(self, rule: Compiled) -> Callable[[Observation], Subject]:
        """Return what looks the subject of a rule up, or works it out."""
        each = rule.rule.each
        if rule.distinct is None and each and all(name in TEXTS for name in each):
            texts = self._values(each)  # that every observation has
            return lambda seen: (texts(seen), "")
        expressions = [*rule.each, *([rule.distinct] if rule.distinct else [])]
        wanted = {name for expression in expressions for name in expression.names}
        names = tuple(name for name in self._told if name in wanted)

        def work_out(values: Values) -> Subject:
            told = dict(zip(names, values, strict=True))
            subject = tuple([str(expression.value(told)) for expression in rule.each])
            return subject, str(rule.distinct.value(told)) if rule.distinct else ""

        memory, asks = _Memory(work_out), self._values(names)
        return lambda seen: memory.answer(asks(seen))

    def _excerpt(self, rule: Compiled) -> Callable[[Observation], str]:
        """Return what makes the excerpt of a rule: of one without its own it is the event's tag."""
        expression = rule.excerpt
        if expression is None:
            return lambda _seen: self.tag
        names = tuple(name for name in self._told if name in expression.names)
        memory = _Memory(
            lambda values: shown(expression.value(dict(zip(names, values, strict=True))))
        )
        asks = self._values(names)
        return lambda seen: memory.answer(asks(seen))

    def _values(self, names: Sequence[str]) -> Callable[[Observation], Values]:
        """Return what looks these names up, all in one call where each has a path."""
        paths = [self._paths[name] for name in names if name in self._paths]
        if len(paths) == len(names) > 1:
            return attrgetter(*paths)
        found = [self._told[name] for name in names]
        return lambda seen: tuple([get(seen) for get in found])


class _Memory(Generic[Answer]):
    """What a pure function answered, within bounds, for as long as the same is asked again."""

    __slots__ = ("_fresh", "_function", "_known")

    def __init__(self, function: Callable[[Values], Answer]) -> None:
        self._function, self._fresh = function, 0
        self._known: dict[Values, Answer] = {}

    def answer(self, values: Values) -> Answer:
        """Return what the function answers for *values*."""
        if self._fresh >= GIVE_UP:
            return self._function(values)
        try:
            answer = self._known[values]
        except KeyError:
            self._fresh += 1
            answer = self._function(values)
            if not all(map(_small, values)):
                return answer
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[values] = answer
        except TypeError:  # a list among them: no two of them are the same
            self._fresh = GIVE_UP
            return self._function(values)
        else:
            self._fresh = 0
        return answer


def _small(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST
    if isinstance(value, tuple):
        return len(value) <= SEVERAL and all(map(_small, value))
    return value is None or isinstance(value, int | float)


def shown(value: Any) -> str:
    """Return a value as it may be shown: escaped and shortened."""
    return escape(str(value))[:EXCERPT]


def _constant(value: Any) -> Get:
    return lambda _seen: value


DEFAULTS: dict[str, Any] = {
    "name": "",
    "files": (),
    "media": "",
    "text": "",
    "sender": "",
    "recipient": "",
    "owner": "",
}
"""What an expression may name in any event, whether it has it or not."""
TEXTS = {
    "service": "service",
    "protocol": "protocol",
    "stack": "stack",
    "client": "flow.client.address",
    "server": "flow.server.address",
    "transport": "flow.transport",
}
"""Texts that every observation has, and where."""
PATHS = TEXTS | {"client_port": "flow.client.port", "server_port": "flow.server.port"}
"""All that every observation has."""
SEEN: dict[str, Get] = {
    **{name: attrgetter(path) for name, path in PATHS.items()},
    "account": lambda seen: getattr(seen.event, "account", "") or seen.account,
    "capability": lambda seen: seen.event.capability or "",
    "side": lambda seen: seen.side.name.lower(),
    "target": lambda seen: str(seen.target) if seen.target else "",
}
"""What is known of every event beside its fields."""


def stream_names(flow: FlowInfo, stack: str, service: str, protocol: str) -> dict[str, Any]:
    """Return what an expression may name of a stream that ended."""
    return {
        "service": service,
        "protocol": protocol,
        "stack": stack,
        "client": flow.client.address,
        "client_port": flow.client.port,
        "server": flow.server.address,
        "server_port": flow.server.port,
        "transport": flow.transport,
    }
