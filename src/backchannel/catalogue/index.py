"""The part of the catalogue that every scan needs: service names and host names, loaded fast."""

from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """A service's name and the host names that are its own (`*` stands for any labels)."""

    name: str
    domains: tuple[str, ...] = ()


class Index(msgspec.Struct, frozen=True):
    """All services by id."""

    services: dict[str, Entry]

    def service_of(self, host: str) -> str:
        """Return the id of the service that *host* belongs to; empty for none."""
        host = host.lower().rstrip(".")
        for service, entry in self.services.items():
            if any(fnmatchcase(host, pattern) for pattern in entry.domains):
                return service
        return ""

    def suffixes(self) -> tuple[str, ...]:
        """Return the endings that a host name must have to be worth a closer look."""
        found = {
            pattern.rsplit("*", 1)[-1].lstrip(".")
            for entry in self.services.values()
            for pattern in entry.domains
        }
        return tuple(sorted(found))

    def title(self, service: str) -> str:
        """Return the name to show for a service id."""
        return self.services[service].name if service in self.services else service


@cache
def load() -> Index:
    """Read the index that ships with the package."""
    text = files(__package__).joinpath("index.json").read_bytes()
    return msgspec.json.decode(text, type=Index)
