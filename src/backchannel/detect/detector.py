"""Runs rules over what the engine tells. Observations in, findings out.

An event meets only the rules for its kind. Memory is bounded: subjects of a rule, values that are
counted as distinct, and evidence kept for a finding all have limits; what did not fit is counted.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backchannel.detect.compiled import Compiled
from backchannel.detect.found import ACCOUNTS, Found, Locate, Match, Place
from backchannel.detect.model import Finding, Rule
from backchannel.detect.plan import SEEN, Plan, shown, stream_names
from backchannel.engine.ended import Ended
from backchannel.engine.observation import Observation
from backchannel.events import Event
from backchannel.model import Confidence

SUBJECTS = 2_000
"""Findings of one rule."""
WATCHED = 4_096
"""Subjects of a counting rule that are watched at a time; the oldest is let go."""
VALUES = 256
"""Matches kept for one subject of a counting rule."""
SECOND = 1_000_000_000

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
        self._fresh: dict[Found, Rule] = {}
        self._by_tag: dict[str, list[Compiled]] = {}
        self._plans: dict[type[Event], Plan] = {}
        self._rules = [Compiled(rule) for rule in rules]
        for compiled in self._rules:
            for tag in compiled.rule.events:
                self._by_tag.setdefault(tag, []).append(compiled)
        self.counters: Counter[str] = Counter()

    @property
    def read(self) -> frozenset[str]:
        """Tags of the events that rules look at."""
        return frozenset(self._by_tag)

    def reads(self, tag: str, values: Mapping[str, Any]) -> bool:
        """Say whether a rule can match an event of that *tag* whose fields have these *values*."""
        values = {name: value for name, value in values.items() if name not in SEEN}
        return any(rule.when.may_hold(values) for rule in self._by_tag.get(tag, ()))

    def add(self, seen: Observation) -> None:
        """Take one observation."""
        kind = type(seen.event)
        plan = self._plans.get(kind)
        if plan is None:
            rules = self._by_tag.get(str(kind.__struct_config__.tag), [])
            plan = self._plans[kind] = Plan(kind, rules)
        if not plan.rules or not seen.service:
            return
        for rule in plan.matching(seen):
            subject, value = plan.subject(rule, seen)
            if (found := rule.found.get(subject)) is None:
                watched = rule.watched.get(subject)
                if watched and value and any(value == old for _, old in watched):
                    continue  # counted already
            elif self._present is None and found.repeat(
                seen.time, seen.flow, seen.confidence, plan.accounts(seen)
            ):
                self._renew(rule, found, seen.time)
                continue
            self._matched(rule, subject, value, self._match(plan, rule, seen))

    def end(self, stream: Ended) -> None:
        """Take a stream that ended with a claim."""
        rules = self._by_tag.get("stream")
        if not rules or not stream.service:
            return
        names = stream_names(stream.flow, stream.stack, stream.service, stream.protocol)
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
        for rule in [rule for rule in rules if rule.when.value(names) is True]:
            subject = tuple([str(each.value(names)) for each in rule.each])
            value = str(rule.distinct.value(names)) if rule.distinct else ""
            told = names if self._present is None else self._present("stream", names)
            excerpt = shown(rule.excerpt.value(told)) if rule.excerpt else "stream"
            place = Place(stream.first, stream.frame, stream.flow, stream.stack, excerpt)
            self._matched(rule, subject, value, _match_of(place, told, stream.confidence))

    def _match(self, plan: Plan, rule: Compiled, seen: Observation) -> Match:
        """Return what a match of the rule may show."""
        place = Place(seen.time, seen.frame, seen.flow, seen.stack, "")
        if self._present is None:
            place.excerpt = plan.excerpt(rule, seen)
            hosts = seen.flow.client.address, seen.flow.server.address
            return Match(place, plan.told(seen), seen.confidence, hosts, plan.accounts(seen))
        told = self._present(plan.tag, plan.told(seen).all())
        place.excerpt = shown(rule.excerpt.value(told)) if rule.excerpt else plan.tag
        return _match_of(place, told, seen.confidence)

    def _matched(self, rule: Compiled, subject: tuple[str, ...], value: str, match: Match) -> None:
        if rule.rule.count is None or subject in rule.found:
            self._find(rule, subject, match)
        else:
            self._watch(rule, subject, value, match)

    def _watch(self, rule: Compiled, subject: tuple[str, ...], value: str, match: Match) -> None:
        """Count a match; enough of them within the time make a finding."""
        count, now = rule.rule.count, match.place.time
        assert count is not None
        seen = rule.watched.get(subject)
        if seen is None:
            if len(rule.watched) >= WATCHED:
                del rule.watched[next(iter(rule.watched))]
                self.counters[f"subjects of the rule {rule.rule.id} let go"] += 1
            seen = rule.watched[subject] = deque(maxlen=max(VALUES, count.at_least))
        if rule.distinct and any(value == old for _, old in seen):
            return
        if count.apart and seen and now - seen[-1][0].place.time < count.apart * SECOND:
            seen.clear()
        seen.append((match, value))
        if count.within:
            while seen and now - seen[0][0].place.time > count.within * SECOND:
                seen.popleft()
        if len(seen) >= count.at_least:
            del rule.watched[subject]
            for one, _ in seen:
                self._find(rule, subject, one)

    def _find(self, rule: Compiled, subject: tuple[str, ...], match: Match) -> None:
        found = rule.found.get(subject)
        if found is None:
            if len(rule.found) >= SUBJECTS:
                self.counters[f"findings of the rule {rule.rule.id} not shown: too many"] += 1
                return
            summary = rule.rule.summary.format_map(_Shown(match.names))
            found = rule.found[subject] = Found(match.names, summary, subject)
        found.add(match)
        self._renew(rule, found, match.place.time)

    def _renew(self, rule: Compiled, found: Found, now: int) -> None:
        """Give a finding out when it is new, or goes on for long."""
        if self._repeat and (found.told < 0 or now - found.told >= self._repeat):
            self._fresh[found] = rule.rule

    def fresh(self, locate: Locate) -> list[tuple[Finding, bool]]:
        """Return the findings that are new since the last call, or go on after *repeat*; each
        with whether it was given out before.
        """
        fresh, self._fresh = self._fresh, {}
        out = [(found.finding(rule, locate), found.told >= 0) for found, rule in fresh.items()]
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
            found.finding(rule.rule, locate)
            for rule in self._rules
            for found in rule.found.values()
        ]
        return tuple(sorted(made, key=_rank))


def _match_of(place: Place, names: Mapping[str, Any], confidence: Confidence) -> Match:
    hosts = [str(names[name]) for name in ("client", "server")]
    accounts = [str(names.get(name) or "") for name in ACCOUNTS]
    return Match(place, names, confidence, hosts, accounts)


class _Shown:
    """Names for a summary: escaped, shortened, and empty where there is none."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def __getitem__(self, key: str) -> str:
        value = self._names.get(key, "")
        if isinstance(value, tuple):
            value = ", ".join(map(str, value))
        return shown(value) or "somebody"


_ORDER = {"critical": 0, "high": 1, "medium": 2, "low": 3, "info": 4}


def _rank(finding: Finding) -> tuple[int, str, str]:
    return _ORDER[finding.severity], finding.first_seen, finding.id
