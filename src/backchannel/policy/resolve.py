"""Rules as written into lines for compilers: names resolved, exemptions in their place."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import get_args

import msgspec

from backchannel.catalogue.model import Service
from backchannel.catalogue.risks import Kind
from backchannel.model import Capability
from backchannel.policy.addresses import Book
from backchannel.policy.document import Action, Exemption, Existing, Names, Policy, Rule, Window
from backchannel.policy.model import Hours, Lifeline, Line, Party, Ports, Rules, Use
from backchannel.policy.uses import parse_ports, uses
from backchannel.suggest import suggest
from backchannel.yamlfile import Where, YamlFile

ALL = "all"
LONGEST_NAME = 48
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)\Z")


def resolve(
    policy: Policy, file: YamlFile, book: Book, services: Mapping[str, Service], today: date
) -> Rules:
    """Return what *policy* means on the day *today*; what is wrong goes to the file's errors."""
    return _Resolver(policy, file, book, services, today).rules()


class _Resolver:
    def __init__(
        self,
        policy: Policy,
        file: YamlFile,
        book: Book,
        services: Mapping[str, Service],
        today: date,
    ) -> None:
        self._policy, self._file, self._book = policy, file, book
        self._services, self._today = services, today
        self._taken = set[str]()
        self._expired = list[str]()
        self._complain = file.complain

    def rules(self) -> Rules:
        lines = [line for n, rule in enumerate(self._policy.rules) for line in self._lines(n, rule)]
        guard = self._policy.guard
        lifelines = tuple(self._lifelines())
        never_block = self._book.addresses(guard.never_block, ("guard", "never-block"))
        named = (*self._policy.groups, *self._policy.zones)
        return Rules(
            mode=guard.mode,
            refuse=guard.refuse,
            name=self._policy.name or self._file.path.stem,
            path=str(self._file.path),
            digest=self._file.digest(self._book.digest),
            lines=tuple(lines),
            default=self._policy.default,
            lifelines=lifelines,
            never_block=never_block,
            today=self._today.isoformat(),
            expired=tuple(self._expired),
            unused=tuple(name for name in named if name not in self._book.used),
            known=tuple(use for each in self._services.values() for use in uses(each)),
        )

    # -- rules -----------------------------------------------------------------------------------

    def _lines(self, place: int, rule: Rule) -> Iterator[Line]:
        where: Where = ("rules", place)
        action, named = self._action(rule, where)
        name = self._name(rule, action, named, where)
        wanted = self._uses(rule, named, (*where, action))
        ours = self._book.party(rule.from_, (*where, "from"))
        theirs = self._book.party(rule.to, (*where, "to"))
        guard = self._policy.guard
        on_failure = rule.on_failure or guard.on_failure
        usual: Existing = "reset" if on_failure == "closed" else "judge"
        line = Line(
            name=name,
            place=f"{self._file.path.name}:{self._file.line(where)}",
            action=action,
            uses=wanted,
            ours=ours,
            theirs=theirs,
            direction=rule.direction,
            hours=self._hours(rule.when, (*where, "when")),
            best_effort=rule.best_effort,
            refuse=rule.refuse or guard.refuse,
            mode=rule.mode or guard.mode,
            on_failure=on_failure,
            existing=rule.existing or guard.existing or usual,
            reason=rule.reason,
            owner=rule.owner,
            expires=rule.expires,
        )
        if rule.except_ and action != "deny":
            self._complain((*where, "except"), "only a `deny` has exemptions")
        exemptions = [
            made
            for n, exemption in enumerate(rule.except_)
            if (made := self._exemption(exemption, n, line, (*where, "except", n)))
        ]
        if self._past(rule.expires, (*where, "expires")):
            self._expired.append(name)
            return
        yield from exemptions
        yield line

    def _exemption(
        self, exemption: Exemption, number: int, line: Line, where: Where
    ) -> Line | None:
        name = self._unique(f"{line.name[: LONGEST_NAME - 8]}-except-{number + 1}")
        kept = tuple(
            use
            for use in line.uses
            if not exemption.capabilities or use.capability in exemption.capabilities
        )
        if not kept:
            self._complain((*where, "capabilities"), "the rule names none of them")
        made = msgspec.structs.replace(
            line,
            name=name,
            place=f"{self._file.path.name}:{self._file.line(where)}",
            action="allow",
            uses=kept,
            ours=self._narrow(exemption.from_, line.ours, (*where, "from")),
            theirs=self._narrow(exemption.to, line.theirs, (*where, "to")),
            hours=None,
            reason=exemption.reason,
            owner=exemption.owner,
            expires=exemption.expires,
            exempts=line.name,
        )
        for key in ("reason", "owner"):
            if not getattr(exemption, key).strip():
                self._complain((*where, key), "must say something")
        if self._past(exemption.expires, (*where, "expires")):
            self._expired.append(name)
            return None
        return made

    def _narrow(self, names: Names, party: Party, where: Where) -> Party:
        return party if names == "any" else self._book.party(names, where)

    def _action(self, rule: Rule, where: Where) -> tuple[Action, tuple[str, ...]]:
        given: list[tuple[Action, Names]] = [
            ("allow", rule.allow),
            ("deny", rule.deny),
            ("alert", rule.alert),
        ]
        said = [(action, names) for action, names in given if names]
        if len(said) != 1:
            self._complain(where, "needs exactly one of `allow`, `deny` and `alert`")
        action, names = said[0] if said else ("deny", ())
        return action, (names,) if isinstance(names, str) else names

    def _uses(self, rule: Rule, named: tuple[str, ...], where: Where) -> tuple[Use, ...]:
        found = dict[tuple[str, Capability], Use]()
        for place, name in enumerate(named):
            at = (*where, place) if len(named) > 1 else where
            meant = self._meant(name, at)
            before = len(found)
            for service in meant:
                for use in uses(service, rule.capabilities):
                    found.setdefault((use.service, use.capability), use)
            if meant and rule.capabilities and len(found) == before:
                can = {ability.capability for each in meant for ability in each.capabilities}
                self._complain(at, f"{name} has none of these; it has {', '.join(sorted(can))}")
        if len(named) == 1 and named[0] in self._services:
            self._check_capabilities(rule, self._services[named[0]], where)
        ports = self._ports(rule, where)
        if not rule.ports:
            return tuple(found.values())
        return tuple(
            msgspec.structs.replace(use, ports=ports, dynamic=(), stated=True)
            for use in found.values()
        )

    def _check_capabilities(self, rule: Rule, service: Service, where: Where) -> None:
        can = sorted({ability.capability for ability in service.capabilities})
        for place, capability in enumerate(rule.capabilities):
            if capability not in can:
                at = (*where[:-1], "capabilities", place)
                self._complain(at, f"{service.id} has no {capability}; it has {', '.join(can)}")

    def _ports(self, rule: Rule, where: Where) -> tuple[Ports, ...]:
        """Return where the rule says its services are on this network."""
        ports = set[Ports]()
        for place, text in enumerate(rule.ports):
            found = parse_ports(text)
            if found is not None:
                ports.add(found)
            else:
                at = (*where[:-1], "ports", place)
                self._complain(at, f"{text!r} is not like tcp/5190 or udp/5000-5010")
        return tuple(sorted(ports))

    def _meant(self, name: str, where: Where) -> tuple[Service, ...]:
        if name in self._services:
            return (self._services[name],)
        if name == ALL:
            return tuple(self._services.values())
        if name in get_args(Kind):
            return tuple(each for each in self._services.values() if each.kind == name)
        known = [*self._services, *get_args(Kind), ALL]
        self._complain(where, f"no service or kind {name!r}; {suggest(name, known)}")
        return ()

    # -- names, days and hours -------------------------------------------------------------------

    def _name(self, rule: Rule, action: Action, named: tuple[str, ...], where: Where) -> str:
        if rule.name:
            if not re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", rule.name):
                self._complain((*where, "name"), "may have letters, digits and single dashes only")
            elif len(rule.name) > LONGEST_NAME:
                self._complain((*where, "name"), f"is longer than {LONGEST_NAME} characters")
            elif rule.name in self._taken:
                self._complain((*where, "name"), f"{rule.name!r} is the name of an earlier rule")
            self._taken.add(rule.name)
            return rule.name
        words = [action, *named[:2], *(["more"] if named[2:] else []), *rule.capabilities[:2]]
        made = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")
        return self._unique(made[: LONGEST_NAME - 6].strip("-"))

    def _unique(self, name: str) -> str:
        made, number = name, 2
        while made in self._taken:
            made, number = f"{name}-{number}", number + 1
        self._taken.add(made)
        return made

    def _past(self, day: str, where: Where) -> bool:
        if not day:
            return False
        try:
            return date.fromisoformat(day) < self._today
        except ValueError:
            self._complain(where, f"{day!r} is not a day like 2027-01-31")
            return False

    def _hours(self, window: Window | None, where: Where) -> Hours | None:
        if window is None:
            return None
        start = self._minutes(window.start, (*where, "start"))
        end = self._minutes(window.end, (*where, "end"))
        if start == end:
            self._complain(where, "`start` and `end` are the same time")
        return Hours(tuple(dict.fromkeys(window.days)), start, end)

    def _minutes(self, text: str, where: Where) -> int:
        found = _CLOCK.match(text)
        minutes = int(found[1]) * 60 + int(found[2]) if found else -1
        if not 0 <= minutes <= 24 * 60:
            self._complain(where, f"{text!r} is not a time like 08:30")
        return minutes

    def _lifelines(self) -> Iterator[Lifeline]:
        for place, each in enumerate(self._policy.management):
            where = ("management", place)
            ports = parse_ports(each.port)
            if ports is None:
                self._complain((*where, "port"), f"{each.port!r} is not like tcp/22")
                continue
            yield Lifeline(
                f"{self._file.path.name}:{self._file.line(where)}",
                self._book.party(each.from_, (*where, "from")),
                self._book.party(each.to, (*where, "to")),
                ports,
            )
