"""What differs between rules: what is live, what was applied, and what a policy would make."""

from difflib import unified_diff
from typing import Literal

import msgspec

from backchannel.apply.firewall import Firewall, Foreign
from backchannel.apply.state import State
from backchannel.policy.compile import File

Standing = Literal["not applied", "as applied", "drifted"]


class Plan(msgspec.Struct, frozen=True):
    """What loading would do, and whether the kernel still has what was loaded last."""

    firewall: str
    standing: Standing
    applied: str
    """When and from what the standing rules were applied; empty where they were not."""
    changes: tuple[str, ...]
    """From what is live to what the policy makes, as lines of a unified diff; none: no change."""
    drift: tuple[str, ...]
    """From what was applied to what is live."""
    foreign: tuple[Foreign, ...]


def plan(wall: Firewall, files: tuple[File, ...], state: State) -> Plan:
    """Return what applying *files* would do. Changes nothing."""
    found = drift(wall, state)
    changes = _diff(wall.live(), wall.preview(files), "live", "policy")
    return msgspec.structs.replace(found, changes=changes)


def drift(wall: Firewall, state: State) -> Plan:
    """Return how the kernel's rules differ from what was applied last."""
    record = state.applied(wall.name)
    changed = _diff(record.live, wall.live(), "applied", "live") if record else ()
    standing: Standing = "not applied" if record is None else "drifted" if changed else "as applied"
    return Plan(
        firewall=wall.name,
        standing=standing,
        applied=f"{record.time}, {record.name} ({record.policy})" if record else "",
        changes=(),
        drift=changed,
        foreign=tuple(wall.foreign()),
    )


def _diff(one: str, other: str, first: str, second: str) -> tuple[str, ...]:
    lines = unified_diff(one.splitlines(), other.splitlines(), first, second, n=2, lineterm="")
    return tuple(lines)
