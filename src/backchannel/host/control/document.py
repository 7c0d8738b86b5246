"""A policy for programs, as people write it in YAML. Its schema is generated from these types."""

from typing import Annotated, Literal

import msgspec

from backchannel.catalogue.risks import Part

Mode = Literal["observe", "alert", "deny"]
"""How far control goes: count what would be denied, tell of it, deny it."""
Action = Literal["allow", "cut", "deny"]
"""`cut`: it may run, and neither it nor what it starts may talk to other machines."""
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\d$")]


class Rule(Part, frozen=True, kw_only=True):
    """A rule for some programs. The first that fits decides; one names at least one thing."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """What it is called where it decides."""
    action: Action
    services: tuple[str, ...] = ()
    """Services of the catalogue. A program is one's where its package says so, not its name."""
    packages: tuple[str, ...] = ()
    """Packages: `deb:aria2`, `snap:slack`."""
    paths: tuple[str, ...] = ()
    """Paths of files; `*` stands for any characters."""
    sha256: tuple[Digest, ...] = ()
    """Checksums of files, wherever they lie."""
    reason: str = ""
    """Why, for those who read it later."""
    expires: Day | None = None
    """The last day on which it holds; for exceptions."""


class Policy(Part, frozen=True, kw_only=True):
    """What may run. Programs that no rule names are judged by the trust store."""

    version: Literal[1]
    mode: Mode = "observe"
    """How far to go."""
    unknown: Action = "allow"
    """What happens to a program that no package brought and the store does not list, or that lies
    elsewhere than the store says."""
    altered: Action = "deny"
    """What happens to a program whose content is neither the store's nor its package's."""
    rules: tuple[Rule, ...] = ()
    never: tuple[str, ...] = ()
    """Paths of more programs that are never denied, whatever a rule says; `*` stands for any
    characters."""
