"""Runs rules over what the engine tells. Observations in, findings out.

An event meets only the rules for its kind. Memory is bounded: subjects of a rule, values that are
counted as distinct, and evidence kept for a finding all have limits; what did not fit is counted.
"""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from operator import attrgetter
from typing import Any

from backchannel.detect.expressions import Expression
from backchannel.detect.model import Evidence, Finding, Rule
from backchannel.engine.ended import Ended
from backchannel.engine.observation import FlowInfo, Observation
from backchannel.events import Event
from backchannel.model import Confidence
from backchannel.text import escape
from backchannel.when import rfc3339

SUBJECTS = 2_000
"""Findings of one rule."""
EVIDENCE = 8
"""Places kept for one finding: the first ones."""
WATCHED = 4_096
"""Subjects of a counting rule that are watched at a time; the oldest is let go."""
VALUES = 256
"""Matches kept for one subject of a counting rule."""
EXCERPT = 160
"""Characters of an excerpt."""
HOSTS = 64
"""Hosts of one finding, and accounts."""
REMEMBERED = 256
"""Values of one kind of event whose matching rules are remembered."""
GIVE_UP = 64
"""Values in a row that were new, after which none of that kind is remembered any more."""


class _Place:
    """Where a match was seen, before it is known whether it becomes evidence."""

    __slots__ = ("excerpt", "flow", "frame", "stack", "time")

    def __init__(self, time: int, frame: int, flow: FlowInfo, stack: str, excerpt: str) -> None:
        self.time, self.frame, self.flow, self.stack = time, frame, flow, stack
        self.excerpt = excerpt


class _Found:
    """One finding under way."""

    def __init__(self, names: Mapping[str, Any], summary: str, subject: tuple[str, ...]) -> None:
        self.service, self.capability = str(names["service"]), str(names["capability"])
        self.confidence = Confidence.PORT
        self.summary, self.subject = summary, subject
        self.hosts: dict[str, None] = {}
        self.accounts: dict[str, None] = {}
        self.flow: FlowInfo | None = None
        self.count = 0
        self.first = self.last = 0
        self.places: list[_Place] = []
        self.told = -1  # when it was last given out by `Detector.fresh`; -1: never

    def add(self, names: Mapping[str, Any], confidence: Confidence, place: _Place) -> None:
        time = place.time
        self.confidence = max(self.confidence, confidence)
        if not self.count or time < self.first:
            self.first = time
        self.last = max(self.last, time)
        self.count += 1
        flow = place.flow
        if self.flow is not flow and len(self.hosts) < HOSTS:
            self.flow = flow  # which nearly always is that of the last match
            for host in (names["client"], names["server"]):
                if host and len(self.hosts) < HOSTS:
                    self.hosts[str(host)] = None
        if len(self.accounts) < HOSTS:
            for name in names.speakers if isinstance(names, _Told) else _ACCOUNTS:
                if (value := names.get(name)) and len(self.accounts) < HOSTS:
                    self.accounts[str(value)] = None
        if len(self.places) < EVIDENCE:
            self.places.append(place)


class _Compiled:
    """A rule with its expressions and its state."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.found: dict[tuple[str, ...], _Found] = {}
        self.watched: dict[tuple[str, ...], deque[tuple[_Place, str, Mapping[str, Any]]]] = {}

    @cached_property
    def when(self) -> Expression:
        return Expression(self.rule.when, self.rule.id)

    @cached_property
    def each(self) -> list[Expression]:
        return [Expression(text, self.rule.id) for text in self.rule.each]

    @cached_property
    def excerpt(self) -> Expression | None:
        return Expression(self.rule.excerpt, self.rule.id) if self.rule.excerpt else None

    @cached_property
    def distinct(self) -> Expression | None:
        distinct = self.rule.count.distinct if self.rule.count else ""
        return Expression(distinct, self.rule.id) if distinct else None


Get = Callable[[Observation], Any]


class _Told(dict[str, Any]):
    """All that an event tells, by name; each is looked up when it is first asked for."""

    __slots__ = ("_getters", "_seen", "speakers")

    def __init__(self, plan: "_Plan", seen: Observation) -> None:
        self._getters, self._seen, self.speakers = plan.told, seen, plan.speakers

    def __missing__(self, name: str) -> Any:
        value = self[name] = self._getters[name](self._seen)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a name, or *default* where the event has none of that name."""
        return self[name] if name in self._getters else default

    def all(self) -> dict[str, Any]:
        """Return all of them."""
        return {name: self[name] for name in self._getters}


class _Plan:
    """What the rules for one kind of event ask of it. Few rules match, so the names that decide
    are looked up for all events, and all that an event tells only for those that match. The same
    few values come again and again: which rules they match is remembered.
    """

    def __init__(self, kind: type[Event], rules: list[_Compiled]) -> None:
        self.rules = rules
        self.tag = str(kind.__struct_config__.tag)
        fields = {name: attrgetter(f"event.{name}") for name in kind.__struct_fields__}
        self.told: dict[str, Get] = {name: _constant(value) for name, value in _DEFAULTS.items()}
        self.told |= fields
        # where an event has a field of the same name (a program called `client`), the flow's wins
        self.told["program"] = fields.get("client", _constant(""))
        self.told |= _SEEN
        self._subjects = {
            rule: attrgetter(*(_PATHS[name] for name in rule.rule.each))
            for rule in rules
            if len(rule.rule.each) > 1 and all(name in _PATHS for name in rule.rule.each)
        }
        self.speakers = tuple(name for name in _ACCOUNTS if name in {*fields, "account"})
        """Names that can hold an account."""
        wanted = {name for rule in rules for name in rule.when.names}
        self._asked = tuple((name, get) for name, get in self.told.items() if name in wanted)
        self._known: dict[tuple[Any, ...], list[_Compiled]] = {}
        self._fresh = 0

    def subject(self, rule: _Compiled, seen: Observation, names: _Told) -> tuple[str, ...]:
        """Return what a finding of the rule is about."""
        get = self._subjects.get(rule)
        if get is not None:  # all of it are texts that every observation has
            return get(seen)
        return tuple([str(each.value(names)) for each in rule.each])

    def matching(self, seen: Observation) -> list[_Compiled]:
        """Return the rules that match an event."""
        values = tuple([get(seen) for _, get in self._asked])
        if self._fresh >= GIVE_UP:
            return self._matching(values)
        try:
            known = self._known.get(values)
        except TypeError:  # no value of it is the same twice
            self._fresh = GIVE_UP
            return self._matching(values)
        if known is None:
            self._fresh += 1
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[values] = self._matching(values)
        else:
            self._fresh = 0
        return known

    def _matching(self, values: tuple[Any, ...]) -> list[_Compiled]:
        names = {name: value for (name, _), value in zip(self._asked, values, strict=True)}
        return [rule for rule in self.rules if rule.when.value(names) is True]


Locate = Callable[[int], tuple[str, int]]
"""Gives the file of a frame, and the frame's number in it."""
Present = Callable[[str, Mapping[str, Any]], dict[str, Any]]


class Detector:
    """All rules of a run."""

    def __init__(
        self, rules: Iterable[Rule], present: Present | None = None, *, repeat: int = 0
    ) -> None:
        """*present* makes of an event's tag and names those that may be shown; rules see all.
        *repeat*: seconds after which `fresh` gives out a finding again that goes on; 0: nothing
        is given out before the end.
        """
        self._present, self._repeat = present, repeat * 1_000_000_000
        self._fresh: dict[_Found, Rule] = {}
        self._by_tag: dict[str, list[_Compiled]] = {}
        self._plans: dict[type[Event], _Plan] = {}
        self._rules = [_Compiled(rule) for rule in rules]
        for compiled in self._rules:
            for tag in compiled.rule.events:
                self._by_tag.setdefault(tag, []).append(compiled)
        self.counters: Counter[str] = Counter()

    @property
    def read(self) -> frozenset[str]:
        """Tags of the events that rules look at."""
        return frozenset(self._by_tag)

    def add(self, seen: Observation) -> None:
        """Take one observation."""
        kind = type(seen.event)
        plan = self._plans.get(kind)
        if plan is None:
            rules = self._by_tag.get(str(kind.__struct_config__.tag), [])
            plan = self._plans[kind] = _Plan(kind, rules)
        if not plan.rules or not seen.service:
            return
        rules = plan.matching(seen)
        if rules:
            names = _Told(plan, seen)
            place = _Place(seen.time, seen.frame, seen.flow, seen.stack, plan.tag)
            for rule in rules:
                subject = plan.subject(rule, seen, names)
                self._matched(rule, subject, names, seen.confidence, place, tag=plan.tag)

    def end(self, stream: Ended) -> None:
        """Take a stream that ended with a claim."""
        rules = self._by_tag.get("stream")
        if not rules or not stream.service:
            return
        names = _names(stream.flow, stream.stack, stream.service, stream.protocol)
        names |= {
            "account": stream.account,
            "capability": "",
            "bytes": stream.octets,
            "seconds": (stream.last - stream.first) / 1e9,
            "depth": stream.depth,
            "target": str(stream.target) if stream.target else "",
            "target_host": stream.target.address if stream.target else "",
            "target_port": stream.target.port if stream.target else stream.flow.server.port,
        }
        place = _Place(stream.first, stream.frame, stream.flow, stream.stack, "stream")
        for rule in rules:
            if rule.when.value(names) is True:
                subject = tuple([str(each.value(names)) for each in rule.each])
                self._matched(rule, subject, names, stream.confidence, place, tag="stream")

    def _matched(
        self,
        rule: _Compiled,
        subject: tuple[str, ...],
        names: Mapping[str, Any],
        confidence: Confidence,
        place: _Place,
        *,
        tag: str,
    ) -> None:
        watch = rule.rule.count is not None and subject not in rule.found
        value = str(rule.distinct.value(names)) if watch and rule.distinct else ""
        if self._present is not None:
            names = self._present(tag, names.all() if isinstance(names, _Told) else names)
        if not watch:
            self._find(rule, subject, names, confidence, place)
        else:
            self._watch(rule, subject, names, confidence, place, value=value)

    def _watch(
        self,
        rule: _Compiled,
        subject: tuple[str, ...],
        names: Mapping[str, Any],
        confidence: Confidence,
        place: _Place,
        *,
        value: str,
    ) -> None:
        """Count a match; enough of them within the time make a finding."""
        count = rule.rule.count
        assert count is not None
        seen = rule.watched.get(subject)
        if seen is None:
            if len(rule.watched) >= WATCHED:
                del rule.watched[next(iter(rule.watched))]
                self.counters[f"subjects of the rule {rule.rule.id} let go"] += 1
            seen = rule.watched[subject] = deque(maxlen=max(VALUES, count.at_least))
        if rule.distinct and value in [old for _, old, _ in seen]:
            return
        if count.apart and seen and place.time - seen[-1][0].time < count.apart * 1_000_000_000:
            seen.clear()
        seen.append((place, value, names))
        if count.within:
            while seen and place.time - seen[0][0].time > count.within * 1_000_000_000:
                seen.popleft()
        if len(seen) >= count.at_least:
            del rule.watched[subject]
            for then, _, told in seen:
                self._find(rule, subject, told, confidence, then)

    def _find(
        self,
        rule: _Compiled,
        subject: tuple[str, ...],
        names: Mapping[str, Any],
        confidence: Confidence,
        place: _Place,
    ) -> None:
        found = rule.found.get(subject)
        if found is None:
            if len(rule.found) >= SUBJECTS:
                self.counters[f"findings of the rule {rule.rule.id} not shown: too many"] += 1
                return
            summary = rule.rule.summary.format_map(_Shown(names))
            found = rule.found[subject] = _Found(names, summary, subject)
        if rule.excerpt is not None and len(found.places) < EVIDENCE:
            excerpt = escape(str(rule.excerpt.value(names)))[:EXCERPT]
            place = _Place(place.time, place.frame, place.flow, place.stack, excerpt)
        found.add(names, confidence, place)
        if self._repeat and (found.told < 0 or place.time - found.told >= self._repeat):
            self._fresh[found] = rule.rule

    def fresh(self, locate: Locate) -> list[tuple[Finding, bool]]:
        """Return the findings that are new since the last call, or go on after *repeat*; each
        with whether it was given out before.
        """
        fresh, self._fresh = self._fresh, {}
        out = [(_finding(rule, found, locate), found.told >= 0) for found, rule in fresh.items()]
        for found in fresh:
            found.told = found.last
        return out

    def forget(self, before: int) -> None:
        """Forget findings that were last seen *before* (ns): they will be new when they return."""
        for rule in self._rules:
            for subject in [key for key, found in rule.found.items() if found.last < before]:
                del rule.found[subject]

    def take_over(self, other: "Detector") -> None:
        """Go on from what *other* found by rules that are the same here."""
        theirs = {rule.rule: rule for rule in other._rules}  # noqa: SLF001 - one of us
        for mine in self._rules:
            if (same := theirs.get(mine.rule)) is not None:
                mine.found, mine.watched = same.found, same.watched
        self.counters += other.counters

    def findings(self, locate: Locate) -> tuple[Finding, ...]:
        """Return all findings, worst first. *locate* gives file and frame in it of a frame."""
        made = [
            _finding(rule.rule, found, locate)
            for rule in self._rules
            for found in rule.found.values()
        ]
        return tuple(sorted(made, key=_rank))


class _Shown:
    """Names for a summary: escaped, shortened, and empty where there is none."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def __getitem__(self, key: str) -> str:
        value = self._names.get(key, "")
        if isinstance(value, tuple):
            value = ", ".join(map(str, value))
        return escape(str(value))[:EXCERPT] or "somebody"


_DEFAULTS: dict[str, Any] = {
    "name": "",
    "files": (),
    "media": "",
    "text": "",
    "sender": "",
    "recipient": "",
    "owner": "",
}
"""What an expression may name in any event, whether it has it or not."""
_PATHS = {
    "service": "service",
    "protocol": "protocol",
    "stack": "stack",
    "client": "flow.client.address",
    "server": "flow.server.address",
    "transport": "flow.transport",
}
"""Texts that every observation has, and where."""
_SEEN: dict[str, Get] = {
    **{name: attrgetter(path) for name, path in _PATHS.items()},
    "client_port": attrgetter("flow.client.port"),
    "server_port": attrgetter("flow.server.port"),
    "account": lambda seen: getattr(seen.event, "account", "") or seen.account,
    "capability": lambda seen: seen.event.capability or "",
    "side": lambda seen: seen.side.name.lower(),
    "target": lambda seen: str(seen.target) if seen.target else "",
}
"""What is known of every event beside its fields."""
_ACCOUNTS = "account", "sender", "recipient", "owner"
_ORDER = {"critical": 0, "high": 1, "medium": 2, "low": 3, "info": 4}


def _constant(value: Any) -> Get:
    return lambda _seen: value


def _rank(finding: Finding) -> tuple[int, str, str]:
    return _ORDER[finding.severity], finding.first_seen, finding.id


def _names(flow: FlowInfo, stack: str, service: str, protocol: str) -> dict[str, Any]:
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


def _finding(rule: Rule, found: _Found, locate: Locate) -> Finding:
    told = "\0".join((rule.id, *found.subject))
    return Finding(
        id=hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16],
        rule=rule.id,
        title=rule.title,
        category=rule.category,
        severity=rule.severity,
        confidence=found.confidence.word,  # type: ignore[arg-type]
        service=found.service,
        capability=found.capability,
        hosts=tuple(found.hosts),
        accounts=tuple(found.accounts),
        summary=found.summary,
        count=found.count,
        first_seen=rfc3339(found.first),
        last_seen=rfc3339(found.last),
        evidence=tuple(_evidence(place, locate) for place in found.places),
        rationale=rule.rationale,
        false_positives=rule.false_positives,
        disproof=rule.disproof,
        countermeasure=rule.countermeasure,
        attack=rule.attack,
        references=rule.references,
    )


def _evidence(place: _Place, locate: Locate) -> Evidence:
    path, frame = locate(place.frame)
    return Evidence(
        frame=place.frame,
        path=path,
        path_frame=frame,
        time=rfc3339(place.time),
        flow=place.flow.serial,
        community_id=place.flow.community_id,
        client=str(place.flow.client),
        server=str(place.flow.server),
        stack=place.stack,
        excerpt=place.excerpt,
    )
