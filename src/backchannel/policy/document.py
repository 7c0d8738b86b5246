"""A policy as its author writes it. The schema in `docs/schema/policy.json` is made of these types.

    policy: 1
    name: head office
    groups:
      staff: [10.0.0.0/8, "2001:db8:10::/48"]
      help-desk: {file: help-desk.txt}
    rules:
      - allow: icq
        capabilities: [login, presence, message]
        from: staff
      - deny: [icq, peer-to-peer]
        from: staff
        best-effort: true

Rules are tried in order and the first that fits decides; `default` decides the rest. `from` is our
side and `to` the far one, whoever opens the connection, unless `direction` says who does.
"""

from typing import Literal, get_args

import msgspec

from backchannel.grades import Mode
from backchannel.model import Capability

Action = Literal["allow", "deny", "alert"]
"""`alert` lets the traffic pass on to the next rules, and tells of it."""
Direction = Literal["out", "in", "both"]
"""Who opens: `out` our side, `in` the far one."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Day, ...] = get_args(Day)
Refusal = Literal["drop", "reset", "decline"]
"""How a refused flow is told: not at all, by a reset or ICMP, or in the protocol's own words."""
Failure = Literal["open", "closed"]
"""What passes while the guard is not there: everything, or nothing of what the rule speaks of."""
Existing = Literal["judge", "reset"]
"""Connections that stood before the guard: judged from where they are met, so that up to half a
message may pass; or reset too where they do not say at once what they are."""
Names = str | tuple[str, ...]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """The base of all parts; a field that is not known is an error, not a comment."""


class GroupFile(_Part, frozen=True, kw_only=True):
    """A group whose addresses are in a file: one address or network a line; `#` comments."""

    file: str
    """Beside the policy, or absolute."""


class Zone(_Part, frozen=True, kw_only=True):
    """A part of the network: what is behind these interfaces, or has these addresses."""

    interfaces: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    """Addresses, networks and names of groups."""


class Window(_Part, frozen=True, kw_only=True):
    """When a rule holds, in the firewall's own time."""

    days: tuple[Day, ...] = ()
    """Empty: every day."""
    start: str = "00:00"
    end: str = "24:00"
    """Before `start`: the window ends on the next day."""


class Exemption(_Part, frozen=True, kw_only=True):
    """Who a `deny` does not mean, why, who answers for it and until when."""

    reason: str
    owner: str
    expires: str
    """The last day it holds, such as `2027-01-31`."""
    from_: Names = msgspec.field(default="any", name="from")
    to: Names = "any"
    capabilities: tuple[Capability, ...] = ()
    """Empty: all that the rule speaks of."""


class Rule(_Part, frozen=True, kw_only=True):
    """One rule: exactly one of `allow`, `deny` and `alert` names what it speaks of."""

    allow: Names = ()
    """Services by id (`icq`), kinds of them (`peer-to-peer`), or `all` of the catalogue."""
    deny: Names = ()
    alert: Names = ()
    name: str = ""
    """Short and unique, as counters and proofs speak of it. Without: made of what it says."""
    capabilities: tuple[Capability, ...] = ()
    """Empty: everything the services can do."""
    from_: Names = msgspec.field(default="any", name="from")
    """Groups, zones, addresses, networks, or `any`."""
    to: Names = "any"
    direction: Direction = "both"
    ports: tuple[str, ...] = ()
    """Where the services are on this network (`tcp/5190`, `udp/5000-5010`), in place of what the
    catalogue says."""
    when: Window | None = None
    except_: tuple[Exemption, ...] = msgspec.field(default=(), name="except")
    best_effort: bool = False
    """True: the author accepts that a firewall does less than the rule says; gaps are reported."""
    refuse: Refusal | None = None
    mode: Mode | None = None
    on_failure: Failure | None = None
    existing: Existing | None = None
    reason: str = ""
    owner: str = ""
    expires: str = ""


class Management(_Part, frozen=True, kw_only=True):
    """A connection that must never be cut off, such as an administrator's to the firewall."""

    from_: Names = msgspec.field(name="from")
    to: Names = "any"
    port: str = "tcp/22"


class Guard(_Part, frozen=True, kw_only=True):
    """What the guard does where a rule says nothing else."""

    mode: Mode = "drop"
    refuse: Refusal = "reset"
    on_failure: Failure = "open"
    existing: Existing | None = None
    """Where nobody says: `reset` for rules that fail closed, `judge` for others."""
    never_block: tuple[str, ...] = ()
    """Groups, zones, addresses and networks whose traffic is never refused."""


class Policy(_Part, frozen=True, kw_only=True):
    """A whole policy file."""

    policy: Literal[1]
    """The version of this language."""
    name: str = ""
    groups: dict[str, tuple[str, ...] | GroupFile] = {}
    """Addresses, networks and other groups by name."""
    zones: dict[str, Zone] = {}
    management: tuple[Management, ...] = ()
    default: Literal["allow", "deny"] = "allow"
    """What happens to all traffic that no rule speaks of, of a known service or not."""
    guard: Guard = Guard()
    rules: tuple[Rule, ...]
