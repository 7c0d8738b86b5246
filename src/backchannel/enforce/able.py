"""What a guard cannot do of its policy: nobody shall believe in a rule that is never enforced."""

from collections.abc import Sequence

from msgspec.structs import replace

from backchannel.enforce.law import MILD, milder
from backchannel.errors import UsageError
from backchannel.grades import Mode
from backchannel.listed import listed
from backchannel.policy.backends import guard
from backchannel.policy.compile import Backend, Gap, Judgement, gaps
from backchannel.policy.model import Rules


def check(rules: Rules, limit: Mode | None = None) -> tuple[str, ...]:
    """Return sentences about what is not enforced, as the authors of lines accept, and about what
    is not seen of what is only to be told of.

    Raises UsageError where a line asks for what cannot be done and does not say `best-effort`.
    Lines of a mild mode, or all where *limit* is mild, promise nothing.
    """
    mild = {line.name for line in rules.lines if milder(line.mode, limit) in MILD}
    earnest = tuple(replace(line, mode="drop") for line in rules.lines)
    backend = Backend(guard.NAME, guard.TITLE, guard.judge, guard.emit)
    accepted = mild | {line.name for line in rules.lines if line.best_effort}
    found: dict[tuple[str, Judgement], list[Gap]] = {}
    for gap in gaps(replace(rules, lines=earnest), backend):
        found.setdefault((gap.line, gap.judgement), []).append(gap)
    told = {key: _sentence(lost, told_only=key[0] in mild) for key, lost in found.items()}
    refused = [sentence for (line, _), sentence in told.items() if line not in accepted]
    if refused:
        hint = "Leave that to another firewall, or accept it with `best-effort: true`."
        raise UsageError("\n".join([*refused, hint]))
    return tuple(told.values())


_VERBS = {
    ("cannot", False): "cannot enforce",
    ("partly", False): "only partly enforces",
    ("cannot", True): "cannot see",
    ("partly", True): "only partly sees",
}
"""By what the guard can do, and whether it is only to tell."""


def _sentence(lost: Sequence[Gap], *, told_only: bool) -> str:
    gap = lost[0]
    uses = listed(each.use for each in lost)
    verb = _VERBS[gap.judgement.level, told_only]
    return f"{gap.place}: {gap.line}: the guard {verb} {uses}: {gap.judgement.why}"
