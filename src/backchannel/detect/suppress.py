"""Findings that somebody has looked at and accepted, with a reason and an end.

suppressions:
  - rule: external-proxy            # or category, service, host, account; all that stand must fit
    host: 203.0.113.9
    reason: contracted proxy, ticket 4711
    owner: jo
    until: 2027-01-01
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec

from backchannel.detect.model import Finding
from backchannel.errors import InputError, reason


class Suppression(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is accepted, why, and until when."""

    reason: str
    until: date
    owner: str = ""
    rule: str = ""
    category: str = ""
    service: str = ""
    host: str = ""
    account: str = ""

    def fits(self, finding: Finding) -> bool:
        """Say whether the finding is meant; an entry that names nothing means none."""
        tests = (
            (self.rule, self.rule == finding.rule),
            (self.category, self.category == finding.category),
            (self.service, self.service == finding.service),
            (self.host, self.host in finding.hosts),
            (self.account, self.account in finding.accounts),
        )
        asked = [held for wanted, held in tests if wanted]
        return bool(asked) and all(asked)


_FORM = """suppressions:
  - rule: external-proxy
    reason: contracted proxy, ticket 4711
    until: 2027-01-01"""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    suppressions: list[Suppression]


def read(path: Path) -> list[Suppression]:
    """Return the entries of a suppression file. Raises InputError."""
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=_File).suppressions
    except OSError as error:
        raise InputError(path, reason(error)) from error
    except msgspec.DecodeError as error:
        raise InputError(path, f"{error}; such a file looks like this:\n{_FORM}") from error


def idle(entries: Iterable[Suppression], rules: Container[str], today: date) -> Iterator[str]:
    """Yield what is to be said of entries that hide nothing: they expired before *today*, or name
    a rule that is not one of *rules*.
    """
    for entry in entries:
        if entry.until < today:
            yield f"expired on {entry.until}: {entry.reason}"
        if entry.rule and entry.rule not in rules:
            yield f"there is no rule {entry.rule!r}: {entry.reason}"


def apply(
    findings: Sequence[Finding], entries: Sequence[Suppression], today: date
) -> tuple[tuple[Finding, ...], int]:
    """Return the findings that remain, and how many were suppressed."""
    standing = [entry for entry in entries if entry.until >= today]
    kept = tuple(f for f in findings if not any(entry.fits(f) for entry in standing))
    return kept, len(findings) - len(kept)
