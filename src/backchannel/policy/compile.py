"""A resolved policy into the text of a firewall. A backend that cannot say something says so.

A backend is a module in `backends/` with `NAME`, `TITLE`, `judge` and `emit`, and `CLOSES` where
it cannot hold a default of `deny`; nothing is registered.
"""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal

import msgspec

from backchannel.policy import backends
from backchannel.policy.model import Line, Rules, Use

Level = Literal["enforces", "partly", "cannot"]


class Judgement(msgspec.Struct, frozen=True):
    """How much of one use of one line a backend can enforce, and why not all of it."""

    level: Level
    why: str = ""
    """What gets through, or what is hit by mistake; empty where it enforces."""
    nearest: str = ""
    """What it does instead with `best-effort`, or what else would do."""


class Gap(msgspec.Struct, frozen=True):
    """What a text does less than its policy says."""

    line: str
    place: str
    use: str
    judgement: Judgement

    def told(self, backend: str) -> str:
        """Say in a line what *backend* does not do for a use, and why."""
        cannot = self.judgement.level == "cannot"
        what = f"cannot enforce {self.use}" if cannot else f"enforces {self.use} in part"
        return f"{self.place}: {self.line}: {backend} {what}: {self.judgement.why}"


class File(msgspec.Struct, frozen=True):
    """One file of a backend's output."""

    name: str
    text: str


class Compiled(msgspec.Struct, frozen=True):
    """The text of a policy for one backend."""

    backend: str
    files: tuple[File, ...]
    gaps: tuple[Gap, ...]


class RefusedError(ValueError):
    """A backend cannot do what lines without `best-effort` ask."""

    def __init__(self, backend: str, gaps: tuple[Gap, ...]) -> None:
        self.backend, self.gaps = backend, gaps
        lines = [
            f"{gap.told(backend)}; nearest: {gap.judgement.nearest or 'nothing'}" for gap in gaps
        ]
        super().__init__("\n".join(lines))


class Backend(msgspec.Struct, frozen=True):
    """One firewall's language."""

    name: str
    title: str
    judge: Callable[[Rules, Line, Use], Judgement]
    """Says what it can do for one use of one line within the whole policy."""
    emit: Callable[[Rules, tuple[Gap, ...]], tuple[File, ...]]
    """Writes the text; the same rules give the same bytes. Gaps are written into it as comments."""
    closes: Judgement = Judgement("enforces")
    """What it can do for a default of `deny`."""


def known() -> dict[str, Backend]:
    """Return all backends by name."""
    found = {}
    for module in sorted(iter_modules(backends.__path__), key=lambda each: each.name):
        if module.name.startswith("_"):
            continue
        loaded = import_module(f"{backends.__name__}.{module.name}")
        closes = getattr(loaded, "CLOSES", Judgement("enforces"))
        found[loaded.NAME] = Backend(loaded.NAME, loaded.TITLE, loaded.judge, loaded.emit, closes)
    return found


DEFAULT = "default"
"""Stands for the line's name in a gap of the policy's default."""


def gaps(rules: Rules, backend: Backend) -> tuple[Gap, ...]:
    """Return everything that *backend* does less than *rules* say."""
    found = [
        Gap(line.name, line.place, str(use), judgement)
        for line in rules.lines
        for use in line.uses
        if (judgement := backend.judge(rules, line, use)).level != "enforces"
    ]
    if rules.default == "deny" and backend.closes.level != "enforces":
        found.append(Gap(DEFAULT, rules.path, "everything else", backend.closes))
    return tuple(found)


def compile_policy(rules: Rules, backend: Backend, *, best_effort: bool = False) -> Compiled:
    """Return the text, with its gaps. Raises RefusedError where a line accepts no gap.

    *best_effort* accepts all gaps, also that of a default of `deny`, which no line can accept.
    """
    found = gaps(rules, backend)
    accepted = {line.name for line in rules.lines if line.best_effort}
    refused = tuple(gap for gap in found if gap.line not in accepted)
    if refused and not best_effort:
        raise RefusedError(backend.name, refused)
    return Compiled(backend.name, backend.emit(rules, found), found)
