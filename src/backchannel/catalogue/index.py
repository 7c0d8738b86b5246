"""The part of the catalogue that every scan needs, loaded fast: names, host names, risks.

`index.json` is generated from the service files by `make reference`.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from backchannel import protocols
from backchannel.catalogue.risks import Kind, Matrix2002, RiskId
from backchannel.grades import Severity

_OPEN = "*?[]"
"""Leave something open in a pattern."""

if TYPE_CHECKING:
    from backchannel.catalogue.model import Service


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of a service."""

    name: str
    domains: tuple[str, ...] = ()
    """Host names that are its own (`*` stands for any labels)."""
    kind: Kind | None = None
    protocols: tuple[str, ...] = ()
    risks: dict[RiskId, Severity] = {}
    matrix2002: Matrix2002 | None = None


class Index(msgspec.Struct, frozen=True, dict=True):
    """All services by id."""

    services: dict[str, Entry]

    def service_of(self, host: str) -> str:
        """Return the id of the service that *host* belongs to; empty for none."""
        host = host.lower().rstrip(".")
        if not host.endswith(self._endings):  # as nearly always
            return ""
        for service, endings, patterns in self._hosts:
            if host.endswith(endings) and any(_fits(host, each) for each in patterns):
                return service
        return ""

    @cached_property
    def _hosts(self) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        """Each service, how its host names end, and their patterns."""
        return [
            (service, tuple({_ending(each) for each in entry.domains}), entry.domains)
            for service, entry in self.services.items()
            if entry.domains
        ]

    @cached_property
    def _endings(self) -> tuple[str, ...]:
        """How any service's host names end."""
        return tuple({ending for _, endings, _ in self._hosts for ending in endings})

    def suffixes(self) -> tuple[str, ...]:
        """Return the endings that a host name must have to be worth a closer look."""
        found = {
            pattern.rsplit("*", 1)[-1].lstrip(".")
            for entry in self.services.values()
            for pattern in entry.domains
        }
        return tuple(sorted(found))

    def title(self, service: str) -> str:
        """Return the name to show for a service id, also for a protocol that serves no service."""
        if service in self.services:
            return self.services[service].name
        spoken = protocols.load().get(service)
        return spoken.title if spoken else service


def _fits(host: str, pattern: str) -> bool:
    """Say whether a host name is one of *pattern*: told at once where nothing is left open in it
    but how it begins, as in nearly all.
    """
    ending = _ending(pattern)
    if ending == pattern:
        return host == pattern
    if pattern[0] == "*" and len(ending) == len(pattern) - 1:
        return host.endswith(ending)
    return fnmatchcase(host, pattern)


def _ending(pattern: str) -> str:
    """Return how host names of *pattern* end."""
    return pattern[1 + max(map(pattern.rfind, _OPEN)) :]


@cache
def load() -> Index:
    """Read the index that ships with the package."""
    text = Path(__file__).with_name("index.json").read_bytes()
    return msgspec.json.decode(text, type=Index)


def build(services: Mapping[str, "Service"]) -> Index:
    """Return the index of *services*."""
    return Index(
        services={
            name: Entry(
                name=service.name,
                domains=tuple(domain.name for domain in service.domains),
                kind=service.kind,
                protocols=service.protocols,
                risks={risk.id: risk.severity for risk in service.risks},
                matrix2002=service.matrix2002,
            )
            for name, service in sorted(services.items())
        }
    )
