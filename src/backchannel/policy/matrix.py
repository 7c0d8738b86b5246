"""Rule by backend: what each firewall can do for each use, and why not more."""

from collections.abc import Iterable, Mapping

import msgspec

from backchannel.policy.compile import DEFAULT, Backend, Judgement, known
from backchannel.policy.model import Rules


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One use of one line on every backend."""

    line: str
    place: str
    action: str
    use: str
    accepted: bool
    """Whether the author accepts that a firewall does less (`best-effort`)."""
    cells: dict[str, Judgement]
    """By backend."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One backend, summed up."""

    name: str
    title: str
    enforces: int
    partly: int
    cannot: int
    refuses: bool
    """Whether it refuses to compile the policy as it is."""


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """A whole policy on all backends."""

    policy: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def matrix(rules: Rules, backends: Mapping[str, Backend] | None = None) -> Matrix:
    """Return what each of *backends* (without: all there are) can do for *rules*."""
    asked = known() if backends is None else dict(backends)
    rows = [
        Row(
            line=line.name,
            place=line.place,
            action=line.action,
            use=str(use),
            accepted=line.best_effort,
            cells={name: each.judge(rules, line, use) for name, each in asked.items()},
        )
        for line in rules.lines
        for use in line.uses
    ]
    if rules.default == "deny":
        cells = {name: each.closes for name, each in asked.items()}
        rows.append(
            Row(
                line=DEFAULT,
                place=rules.path,
                action="deny",
                use="everything else",
                accepted=False,
                cells=cells,
            )
        )
    columns = tuple(_column(each, rows) for each in asked.values())
    return Matrix(policy=rules.name, columns=columns, rows=tuple(rows))


def _column(backend: Backend, rows: Iterable[Row]) -> Column:
    told = [(row.cells[backend.name].level, row.accepted) for row in rows]
    count = {level: sum(1 for each, _ in told if each == level) for level in ("partly", "cannot")}
    return Column(
        name=backend.name,
        title=backend.title,
        enforces=len(told) - sum(count.values()),
        partly=count["partly"],
        cannot=count["cannot"],
        refuses=any(level != "enforces" and not accepted for level, accepted in told),
    )
