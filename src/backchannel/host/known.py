"""Which service a program belongs to, and how sure that is.

A name is a hint. A package that the catalogue names, with a file of the name that it brings, is
evidence; the checksum that the package database has of that file is proof.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from backchannel.catalogue.model import Program, Service
from backchannel.model import Confidence

EXPECTED = Confidence.EXPECTED


class Match(NamedTuple):
    """A program of the catalogue that a file is, as far as can be told."""

    service: str
    program: Program
    confidence: Confidence


class Known:
    """The programs of the catalogue, by the names of their files and packages."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._by_file = dict[str, list[tuple[str, Program]]]()
        self._by_package = dict[str, list[tuple[str, Program]]]()
        for name, service in services.items():
            for program in service.programs:
                for file in program.files:
                    self._by_file.setdefault(file, []).append((name, program))
                for package in program.packages:
                    self._by_package.setdefault(package, []).append((name, program))

    @property
    def files(self) -> frozenset[str]:
        """All names of files."""
        return frozenset(self._by_file)

    @property
    def packages(self) -> tuple[str, ...]:
        """All packages."""
        return tuple(self._by_package)

    def matches(self, name: str, package: str, *, intact: bool | None) -> tuple[Match, ...]:
        """Return what a file called *name* of *package* is; nothing where it is something else.

        *intact*: its content has the checksum that the package database lists; None where it lists
        none. What the database contradicts is known by its name alone.
        """
        named = self._by_file.get(name, [])
        system, _, bare = package.partition(":")
        if system in ("apk", "pacman", "rpm"):  # of other builds; many names are those of Debian
            plain = f"deb:{bare}"
            theirs = [each for each in named if plain in each[1].packages]
            return _made(theirs, Confidence.NAME if intact is False else EXPECTED)
        if package.startswith("deb:"):
            theirs = [each for each in named if package in each[1].packages]
            return _made(theirs, Confidence.SIGNATURE if intact else Confidence.NAME)
        if package:  # a sandbox' own files, whatever their names
            return _made(self._by_package.get(package, ()), EXPECTED)
        return _made(named, Confidence.NAME)


def _made(told: Iterable[tuple[str, Program]], confidence: Confidence) -> tuple[Match, ...]:
    return tuple(Match(service, program, confidence) for service, program in told)
