"""A policy file into resolved rules. All errors at once: file, line, and what to write instead."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from backchannel.catalogue.model import Service
from backchannel.errors import InputError
from backchannel.policy.addresses import Book
from backchannel.policy.document import Policy
from backchannel.policy.model import Rules
from backchannel.policy.resolve import resolve
from backchannel.yamlfile import YamlFile


class PolicyError(InputError):
    """A policy that cannot be used; the text has a line for each error."""

    def __init__(self, path: Path, errors: list[str]) -> None:
        super().__init__(path, "\n".join(("cannot be used:", *errors)))
        self.errors = errors


def load(path: Path, services: Mapping[str, Service], today: date | None = None) -> Rules:
    """Return what the policy in *path* means on the day *today*. Raises PolicyError, InputError."""
    return read(YamlFile(path), services, today or date.today())  # noqa: DTZ011 - the author's day


def read(file: YamlFile, services: Mapping[str, Service], today: date) -> Rules:
    """Return what a policy file means. Raises PolicyError."""
    document = file.convert(Policy)
    if document is None:
        raise PolicyError(file.path, file.errors)
    book = Book(document, file.path.parent, file.complain)
    rules = resolve(document, file, book, services, today)
    if file.errors:
        raise PolicyError(file.path, file.errors)
    return rules
