"""What is wrong, or likely not meant, in a policy that loads: each with its line and what helps."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Literal

import msgspec

from backchannel.model import Capability
from backchannel.policy.cover import line_holds, lines_meet, parties_meet, ports_meet, same_use
from backchannel.policy.model import Line, Rules, Use

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
    found = [problem for test in _TESTS for problem in test(rules)]
    order = {line.place: number for number, line in enumerate(rules.lines)}
    return sorted(found, key=lambda problem: order.get(problem.place, -1))


def _covered(rules: Rules) -> Iterator[Problem]:
    """Lines that earlier ones decide, so that they never do anything."""
    lines = [line for line in rules.lines if line.action != "alert"]
    for number, line in enumerate(lines):
        by = dict[Use, Line]()
        for use in line.uses:
            for earlier in lines[:number]:
                if line_holds(earlier, line) and any(same_use(use, each) for each in earlier.uses):
                    by[use] = earlier
                    break
        if by:
            yield _cover(line, by)


def _cover(line: Line, by: dict[Use, Line]) -> Problem:
    whole = len(by) == len(line.uses)
    against = [each for each in by.values() if each.action != line.action]
    what = "does nothing" if whole else f"does nothing for {_some(by)}"
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


def _time(rules: Rules) -> Iterator[Problem]:
    """Rules whose day has passed or is near."""
    for name in rules.expired:
        yield Problem(
            "warning", "expired", "", name, "has expired and is left out", "renew or delete it"
        )
    today = date.fromisoformat(rules.today)
    for line in rules.lines:
        if line.expires and date.fromisoformat(line.expires) - today <= SOON:
            text = f"ends after {line.expires}"
            yield Problem("note", "expires-soon", line.place, line.name, text, "renew it in time")


def _shared_ports(rules: Rules) -> Iterator[Problem]:
    """Uses that are refused at a port where another use of the same parties is allowed."""
    allowed = [(line, use) for line in rules.lines if line.action == "allow" for use in line.uses]
    for line in rules.lines:
        if line.action != "deny":
            continue
        clashes = dict[str, str]()
        for use in line.uses:
            for other, kept in allowed:
                if use.service != kept.service or any(same_use(use, u) for u in other.uses):
                    continue
                ports = ports_meet(use.ports, kept.ports)
                if ports and lines_meet(line, other):
                    clashes.setdefault(f"{use} at {ports[0]}", f"{kept} ({other.place})")
                    break
        if clashes:
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


def _no_login(rules: Rules) -> Iterator[Problem]:
    """Services that may be used by people who cannot sign on."""
    for line in rules.lines:
        if line.action != "allow" or line.exempts:
            continue
        for service in dict.fromkeys(use.service for use in line.uses):
            if _signs_on(rules, line, service) is False:
                yield Problem(
                    "warning",
                    "no-login",
                    line.place,
                    line.name,
                    f"allows {service}, but nobody there may sign on to it",
                    "add `login` to the capabilities",
                )


def _signs_on(rules: Rules, line: Line, service: str) -> bool | None:
    """Say whether the parties of *line* may log in to *service*; None where it has no login."""
    for each in rules.lines:
        for use in each.uses:
            login = use.service == service and use.capability is Capability.LOGIN
            if login and each.action != "alert" and line_holds(each, line):
                return each.action == "allow"
    named = {use.capability for use in line.uses if use.service == service}
    if rules.default == "allow" or Capability.LOGIN in named:
        return True
    return False if Capability.MESSAGE in named or Capability.PRESENCE in named else None


def _management(rules: Rules) -> Iterator[Problem]:
    """A policy that may cut off who administers the firewall."""
    if rules.default == "deny" and not rules.lifelines:
        yield Problem(
            "error",
            "no-management",
            "",
            "",
            "the default is `deny` and no `management` connection is named",
            "add e.g.  management: [{from: 10.0.0.5, port: tcp/22}]",
        )
    for line in rules.lines:
        if line.action != "deny":
            continue
        for life in rules.lifelines:
            hit = [use for use in line.uses if ports_meet((life.ports,), use.ports)]
            if hit and any(
                parties_meet(client, life.client) and parties_meet(server, life.server)
                for client, server in line.openings()
            ):
                text = f"{hit[0]} is refused at {life.ports}, but {life.place} keeps that port open"
                yield Problem("note", "lifeline", line.place, line.name, text)


def _unused(rules: Rules) -> Iterator[Problem]:
    for name in rules.unused:
        yield Problem(
            "warning", "unused", "", "", f"nothing names the group or zone `{name}`", "delete it"
        )


def _some(uses: dict[Use, Line], most: int = 3) -> str:
    names = [str(use) for use in uses]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if names[most:] else "")


_TESTS: tuple[Callable[[Rules], Iterator[Problem]], ...] = (
    _covered,
    _time,
    _shared_ports,
    _no_login,
    _management,
    _unused,
)
