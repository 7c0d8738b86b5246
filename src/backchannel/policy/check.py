"""What is wrong, or likely not meant, in a policy that loads: each with its line and what helps."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

from backchannel.listed import listed
from backchannel.model import Capability
from backchannel.policy.model import Line, Ports, Rules, Use
from backchannel.policy.parties import Parties

Level = Literal["error", "warning", "note"]
SOON = timedelta(days=30)
"""Before its last day, a rule or exemption is named."""


class Problem(msgspec.Struct, frozen=True):
    """One thing to look at."""

    level: Level
    id: str
    place: str
    """`policy.yaml:12`."""
    line: str
    """The rule's name; empty for the policy as a whole."""
    text: str
    advice: str = ""


def check(rules: Rules) -> list[Problem]:
    """Return the problems of *rules*, in the order of the policy."""
    found = _Check(rules).problems()
    order = {line.place: number for number, line in enumerate(rules.lines)}
    return sorted(found, key=lambda problem: order.get(problem.place, -1))


class _Check:
    def __init__(self, rules: Rules) -> None:
        self._rules, self._parties = rules, Parties()

    def problems(self) -> Iterator[Problem]:
        yield from self._covered()
        yield from self._time()
        yield from self._shared_ports()
        yield from self._no_login()
        yield from self._management()
        yield from self._unused()

    def _covered(self) -> Iterator[Problem]:
        """Lines that earlier ones decide, so that they never do anything."""
        lines = [line for line in self._rules.lines if line.action != "alert"]
        for number, line in enumerate(lines):
            by = dict[Use, Line]()
            for use in line.uses:
                for earlier in lines[:number]:
                    if self._holds(earlier, line) and any(
                        _same(use, each) for each in earlier.uses
                    ):
                        by[use] = earlier
                        break
            if by:
                yield _cover(line, by)

    def _time(self) -> Iterator[Problem]:
        """Rules whose day has passed or is near."""
        for name in self._rules.expired:
            yield Problem(
                "warning", "expired", "", name, "has expired and is left out", "renew or delete it"
            )
        today = date.fromisoformat(self._rules.today)
        for line in self._rules.lines:
            if line.expires and date.fromisoformat(line.expires) - today <= SOON:
                text = f"ends after {line.expires}"
                yield Problem(
                    "note", "expires-soon", line.place, line.name, text, "renew it in time"
                )

    def _shared_ports(self) -> Iterator[Problem]:
        """Uses that are refused at a port where another use of the same parties is allowed."""
        allowed = [
            (line, use) for line in self._rules.lines if line.action == "allow" for use in line.uses
        ]
        for line in self._rules.lines:
            if line.action != "deny":
                continue
            if clashes := self._clashes(line, allowed):
                first = next(iter(clashes))
                more = f" and {len(clashes) - 1} more" if len(clashes) > 1 else ""
                yield Problem(
                    "note" if line.best_effort else "warning",
                    "shared-port",
                    line.place,
                    line.name,
                    f"no port tells {first}{more} from {clashes[first]}, which is allowed",
                    "only the guard, or a firewall that reads content (suricata), can do this",
                )

    def _clashes(self, line: Line, allowed: Sequence[tuple[Line, Use]]) -> dict[str, str]:
        """Return what *line* refuses at a port of something *allowed*: one such for each use."""
        found = dict[str, str]()
        for use in line.uses:
            for other, kept in allowed:
                if use.service != kept.service or any(_same(use, u) for u in other.uses):
                    continue
                ports = _common(use.ports, kept.ports)
                if ports and self._parties.meet(line, other):
                    found.setdefault(f"{use} at {ports[0]}", f"{kept} ({other.place})")
                    break
        return found

    def _no_login(self) -> Iterator[Problem]:
        """Services that may be used by people who cannot sign on."""
        for line in self._rules.lines:
            if line.action != "allow" or line.exempts:
                continue
            for service in dict.fromkeys(use.service for use in line.uses):
                if self._signs_on(line, service) is False:
                    yield Problem(
                        "warning",
                        "no-login",
                        line.place,
                        line.name,
                        f"allows {service}, but nobody there may sign on to it",
                        "add `login` to the capabilities",
                    )

    def _signs_on(self, line: Line, service: str) -> bool | None:
        """Say whether the parties of *line* may log in to *service*; None where it has no login."""
        for each in self._rules.lines:
            for use in each.uses:
                login = use.service == service and use.capability is Capability.LOGIN
                if login and each.action != "alert" and self._holds(each, line):
                    return each.action == "allow"
        named = {use.capability for use in line.uses if use.service == service}
        if self._rules.default == "allow" or Capability.LOGIN in named:
            return True
        return False if Capability.MESSAGE in named or Capability.PRESENCE in named else None

    def _management(self) -> Iterator[Problem]:
        """A policy that may cut off who administers the firewall."""
        if self._rules.default == "deny" and not self._rules.lifelines:
            yield Problem(
                "error",
                "no-management",
                "",
                "",
                "the default is `deny` and no `management` connection is named",
                "add e.g.  management: [{from: 10.0.0.5, port: tcp/22}]",
            )
        for line in self._rules.lines:
            if line.action != "deny":
                continue
            for life in self._rules.lifelines:
                hit = [use for use in line.uses if _common((life.ports,), use.ports)]
                ends = life.client, life.server
                if hit and any(self._parties.pairs_meet(pair, ends) for pair in line.openings()):
                    kept = f"{life.place} keeps that port open"
                    text = f"{hit[0]} is refused at {life.ports}, but {kept}"
                    yield Problem("note", "lifeline", line.place, line.name, text)

    def _unused(self) -> Iterator[Problem]:
        for name in self._rules.unused:
            yield Problem(
                "warning",
                "unused",
                "",
                "",
                f"nothing names the group or zone `{name}`",
                "delete it",
            )

    def _holds(self, outer: Line, inner: Line) -> bool:
        """Say whether *outer* means every flow between the parties of *inner*, at any time."""
        return outer.hours in (None, inner.hours) and self._parties.holds(outer, inner)


def _cover(line: Line, by: dict[Use, Line]) -> Problem:
    whole = len(by) == len(line.uses)
    against = [each for each in by.values() if each.action != line.action]
    what = "does nothing" if whole else f"does nothing for {listed(by)}"
    names = ", ".join(dict.fromkeys(f"{each.name} ({each.place})" for each in by.values()))
    if against:
        return Problem(
            "error" if whole else "warning",
            "contradiction" if whole else "partly-contradicted",
            line.place,
            line.name,
            f"{what}: {names} decides first, and says {against[0].action}",
            "put the rule that is to win first, or narrow the other one",
        )
    return Problem(
        "warning" if whole else "note",
        "shadowed" if whole else "partly-shadowed",
        line.place,
        line.name,
        f"{what}: {names} says the same already",
        "delete it, or narrow the earlier rule",
    )


def _same(one: Use, other: Use) -> bool:
    """Say whether both are the same thing done with the same service."""
    return (one.service, one.capability) == (other.service, other.capability)


def _common(one: Sequence[Ports], other: Sequence[Ports]) -> list[Ports]:
    """Return the ports of *one* that are among *other*'s."""
    return [ports for ports in one if any(map(ports.meet, other))]
