"""A policy for somebody who sees copies of packets: what can be held against them, and what not.

Where something cannot be told from a copy, nobody is refused anything because of it: lines that
refuse by interface are left out and named; what is allowed or spared by interface is so everywhere.
"""

import msgspec

from backchannel.catalogue.model import Service
from backchannel.grades import Mode
from backchannel.policy.model import Party, Rules


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """All that a verdict takes, as one process tells another."""

    rules: Rules
    services: dict[str, Service]
    limit: Mode | None = None


def seen(rules: Rules) -> tuple[Rules, tuple[str, ...]]:
    """Return *rules* as they can be held against copies of packets, and what a person should know
    of the difference.
    """
    told: list[str] = []
    lines = []
    for line in rules.lines:
        interfaces = line.ours.interfaces or line.theirs.interfaces
        if not interfaces:
            lines.append(line)
        elif line.action == "allow":
            lines.append(
                msgspec.structs.replace(
                    line, ours=_anywhere(line.ours), theirs=_anywhere(line.theirs)
                )
            )
        else:
            told.append(
                f"line {line.name} ({line.place}) speaks of interface {', '.join(interfaces)}, "
                "which a copy of a packet does not show: it is not held against anybody"
            )
        if line.action == "deny" and line.on_failure == "closed":
            told.append(f"line {line.name} ({line.place}): nothing fails closed beside the wire")
    if rules.default == "deny":
        told.append("default deny: only what is recognised is answered, nothing that is unknown")
    lifelines = tuple(
        msgspec.structs.replace(each, client=_anywhere(each.client), server=_anywhere(each.server))
        for each in rules.lifelines
    )
    made = msgspec.structs.replace(rules, lines=tuple(lines), lifelines=lifelines, known=())
    return made, tuple(dict.fromkeys(told))


def spared(rules: Rules) -> Rules:
    """Return *rules* without everything but who must never be touched."""
    return msgspec.structs.replace(rules, lines=(), known=())


def _anywhere(party: Party) -> Party:
    return msgspec.structs.replace(party, interfaces=())
