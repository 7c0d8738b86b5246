"""Reads a policy for programs. All errors at once, each with file, line and what is wrong."""

from collections.abc import Collection
from datetime import date
from pathlib import Path

from backchannel.errors import InputError
from backchannel.host.control.document import Policy
from backchannel.suggest import suggest
from backchannel.yamlfile import YamlFile


class ProgramPolicyError(InputError):
    """A policy cannot be used; the text has a line for each error."""

    def __init__(self, path: Path, errors: list[str]) -> None:
        super().__init__(path, "\n".join(("cannot be used:", *errors)))
        self.errors = errors


def load(path: Path, services: Collection[str]) -> Policy:
    """Return the policy in *path*. Raises ProgramPolicyError, or InputError without a file."""
    file = YamlFile(path)
    policy = file.convert(Policy)
    if policy is not None:
        _check(policy, file, services)
    if file.errors or policy is None:
        raise ProgramPolicyError(path, file.errors)
    return policy


def _check(policy: Policy, file: YamlFile, services: Collection[str]) -> None:
    names = set[str]()
    for place, rule in enumerate(policy.rules):
        where = ("rules", place)
        if rule.name in names:
            file.complain(where, f"there are two rules {rule.name!r}")
        names.add(rule.name)
        if not (rule.services or rule.packages or rule.paths or rule.sha256):
            file.complain(where, "names no program: give services, packages, paths or sha256")
        for service in rule.services:
            if service not in services:
                file.complain(where, f"no service {service!r}; {suggest(service, services)}")
        for path in rule.paths:
            if not path.startswith(("/", "*")):
                file.complain(where, f"{path!r} must be a whole path, or begin with *")
        try:
            if rule.expires is not None:
                date.fromisoformat(rule.expires)
        except ValueError as error:
            file.complain((*where, "expires"), str(error))
