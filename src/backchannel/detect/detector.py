"""Runs rules over what the engine tells. Observations in, findings out.

An event meets only the rules for its kind. Memory is bounded: subjects of a rule, matches that are
counted, and evidence kept for a finding all have limits; what did not fit is counted.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_origin, get_type_hints

from backchannel.detect import names
from backchannel.detect.expressions import Expression
from backchannel.detect.found import Found, Locate, Place, Writer, brief
from backchannel.detect.limits import SUBJECTS, WATCHED
from backchannel.detect.model import SEVERITIES, Finding, Rule
from backchannel.detect.plan import Case, Group, Plan, Seen, Told
from backchannel.detect.running import RunningRule, Subject
from backchannel.engine.ended import Ended
from backchannel.engine.observation import Observation
from backchannel.events import Event, tag_of

_WORD = re.compile(r"\w+")

Present = Callable[[str, Mapping[str, Any]], dict[str, Any]]


def may_match(conditions: Iterable[Expression], values: Mapping[str, Any]) -> bool:
    """Say whether one of the *conditions* can hold of an event whose fields have these *values*."""
    values = {name: value for name, value in values.items() if name not in names.OBSERVED}
    return any(condition.may_hold(values) for condition in conditions)


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
        self._fresh: dict[Found, Rule] = {}
        self._by_tag: dict[str, list[RunningRule]] = {}
        self._plans: dict[type[Event | Ended], Plan] = {}
        self._rules = [RunningRule(rule) for rule in rules]
        for rule in self._rules:
            for tag in rule.rule.events:
                self._by_tag.setdefault(tag, []).append(rule)

    @property
    def counters(self) -> Counter[str]:
        """What did not fit."""
        told = Counter[str]()
        for each in self._rules:
            told[f"subjects of the rule {each.rule.id} let go"] = each.let_go
            told[f"findings of the rule {each.rule.id} not shown: too many"] = each.not_shown
        return +told

    @property
    def conditions(self) -> dict[str, tuple[str, ...]]:
        """The conditions of rules by the tags of the events that they look at."""
        return {tag: tuple(rule.rule.when for rule in rules) for tag, rules in self._by_tag.items()}

    def unread(self, kind: type[Event]) -> tuple[str, ...]:
        """Return the lists among the fields of such events that no rule names."""
        rules = self._by_tag.get(tag_of(kind), ())
        words = {word for each in rules for word in _WORD.findall(repr(each.rule))}
        hints = get_type_hints(kind)
        lists = [name for name in kind.__struct_fields__ if get_origin(hints[name]) is tuple]
        return tuple(name for name in lists if name not in words)

    def reads(self, tag: str, values: Mapping[str, Any]) -> bool:
        """Say whether a rule can match an event of that *tag* whose fields have these *values*."""
        return may_match((rule.when for rule in self._by_tag.get(tag, ())), values)

    def hear(self, told: Iterable[Any]) -> None:
        """Take all that was *told*, in order: observations and streams that ended; of events that
        are only counted, which come as tuples, no rule reads anything.

        All that is of one kind is held against its rules at once: one by one, half of the time goes
        into asking. What comes of it is taken in the order in which it was told.
        """
        heard, plans = list[Seen](), list[Plan]()
        for seen in told:
            kind = type(seen)
            if kind is tuple:
                continue
            if kind is not Ended:
                kind = type(seen.event)
            plan = self._plans.get(kind) or self._plan(kind)
            if plan.cases:
                plan.add(seen)
                heard.append(seen)
                plans.append(plan)
        for number, plan in enumerate(plans):
            group = plan.next()
            if group.cases:
                self._look(group, heard[number])

    def add(self, seen: Observation) -> None:
        """Take one observation."""
        self.hear((seen,))

    def end(self, stream: Ended) -> None:
        """Take a stream that ended with a claim."""
        self.hear((stream,))

    def _plan(self, kind: type[Event | Ended]) -> Plan:
        rules = self._by_tag.get(names.tag(kind), ())
        plan = self._plans[kind] = Plan(names.vocabulary(kind) if rules else names.NONE, rules)
        return plan

    def _look(self, group: Group, seen: Seen) -> None:
        """Take what the rules for its group say of what was seen."""
        place = group.next()
        for number, subjects in enumerate(group.subjects):
            subject = subjects[place]
            if subject is None:
                continue
            case = group.cases[number]
            # isinstance would ask msgspec's metaclass, which takes longer than all else here
            time = seen.first if type(seen) is Ended else seen.time  # type: ignore[union-attr]
            found = case.found.get(subject)
            if found is not None:
                self._take(case, found, seen, time)
            elif case.at_least <= 1:
                self._find(case, subject, seen, time)
            else:
                self._watch(case, subject, seen, time)

    def _watch(self, case: Case, subject: Subject, seen: Seen, time: int) -> None:
        """Count a match; enough of them within the time make a finding."""
        watched = case.watched.get(subject)
        if watched is None:
            if len(case.watched) >= WATCHED:
                del case.watched[next(iter(case.watched))]
                case.rule.let_go += 1
            watched = case.watched[subject] = {}
        key = case.distinct(seen)
        if key in watched:
            return
        if case.apart and watched:
            then, _, _ = watched[next(reversed(watched))]
            if time - then < case.apart:
                watched.clear()
        watched[key] = time, case, seen
        while case.within and len(watched) > 1:
            first = next(iter(watched))
            then, _, _ = watched[first]
            if time - then <= case.within:
                break
            del watched[first]
        if len(watched) >= case.at_least:
            del case.watched[subject]
            for then, its, one in watched.values():
                self._find(its, subject, one, then)

    def _find(self, case: Case, subject: Subject, seen: Seen, time: int) -> None:
        """Take a match as part of a finding, which may be a new one."""
        found = case.found.get(subject)
        if found is None:
            if len(case.found) >= SUBJECTS:
                case.rule.not_shown += 1
                return
            if self._present is None:
                values = case.values(seen)
            else:
                told = self._present(case.plan.tag, Told(case.plan, seen).all())
                values = tuple([told.get(name, "") for name in case.names])
            service, capability = str(values[-2]), str(values[-1])
            found = Found(service, capability, case.summary(values), subject, time)
            case.found[subject] = found
        self._take(case, found, seen, time)

    def _take(self, case: Case, found: Found, seen: Seen, time: int) -> None:
        """Add a match to a finding."""
        flow, plan = seen.flow, case.plan
        if self._present is None:
            looked_at = found.add(time, seen.confidence, flow, plan.accounts(seen))
            excerpt = case.excerpt(seen) if looked_at else ""
        else:
            told = self._present(plan.tag, Told(plan, seen).all())
            hosts = str(told["client"]), str(told["server"])
            accounts = tuple([str(told.get(name) or "") for name in plan.speakers])
            looked_at = found.add(time, seen.confidence, flow, accounts, hosts)
            shows = case.rule.excerpt
            excerpt = brief(str(shows.value(told))) if looked_at and shows else plan.tag
        if looked_at and (case.at_least > 1 or not found.shown(flow, excerpt)):
            found.places.append(Place(time, seen.frame, flow, seen.stack, excerpt))
        if self._repeat:
            self._renew(case.rule, found, time)

    def _renew(self, rule: RunningRule, found: Found, now: int) -> None:
        """Give a finding out when it is new, or goes on for long."""
        if found.told < 0 or now - found.told >= self._repeat:
            self._fresh[found] = rule.rule

    def fresh(self, locate: Locate) -> list[tuple[Finding, bool]]:
        """Return the findings that are new since the last call, or go on after *repeat*; each
        with whether it was given out before.
        """
        fresh, self._fresh = self._fresh, {}
        writer = Writer(locate)
        out = [(found.finding(rule, writer), found.told >= 0) for found, rule in fresh.items()]
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
                mine.found, mine.watched, mine.numbers = same.found, same.watched, same.numbers
                mine.let_go, mine.not_shown = same.let_go, same.not_shown
        kept = {mine.rule for mine in self._rules}
        self._fresh.update({found: rule for found, rule in other._fresh.items() if rule in kept})  # noqa: SLF001
        self._plans.clear()

    def findings(self, locate: Locate) -> tuple[Finding, ...]:
        """Return all findings, worst first."""
        writer = Writer(locate)
        findings = list[Finding]()
        for severity in reversed(SEVERITIES):
            made = [
                found.finding(rule.rule, writer)
                for rule in self._rules
                if rule.rule.severity == severity
                for found in rule.found.values()
            ]
            findings += sorted(made, key=_first)
        return tuple(findings)


def _first(finding: Finding) -> str:
    """Say which comes first of findings that are as severe as each other. Times are of one length,
    and one text takes less to compare than a pair.
    """
    return finding.first_seen + finding.id
