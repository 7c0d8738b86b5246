"""What a guard cannot do of its policy: nobody shall believe in a rule that is never enforced."""

from collections.abc import Sequence

from backchannel.errors import UsageError
from backchannel.grades import Mode
from backchannel.policy.backends import guard
from backchannel.policy.compile import Backend, Gap, Judgement, gaps
from backchannel.policy.model import Rules

MILD: tuple[Mode, ...] = ("observe", "alert")
NAMED = 3
"""So many uses are named in a sentence; of more the number is told."""


def check(rules: Rules, limit: Mode | None = None) -> tuple[str, ...]:
    """Return sentences about what is not enforced, as the authors of lines accept.

    Raises UsageError where a line asks for what cannot be done and does not say `best-effort`.
    Lines of a mild mode, or all where *limit* is mild, promise nothing.
    """
    if limit in MILD:
        return ()
    backend = Backend(guard.NAME, guard.TITLE, guard.judge, guard.emit)
    mild = {line.name for line in rules.lines if line.mode in MILD}
    accepted = {line.name for line in rules.lines if line.best_effort}
    found: dict[tuple[str, Judgement], list[Gap]] = {}
    for gap in gaps(rules, backend):
        if gap.line not in mild:
            found.setdefault((gap.line, gap.judgement), []).append(gap)
    refused = [_sentence(lost) for (line, _), lost in found.items() if line not in accepted]
    if refused:
        hint = "Leave that to another firewall, or accept it with `best-effort: true`."
        raise UsageError("\n".join([*refused, hint]))
    return tuple(_sentence(lost) for lost in found.values())


def _sentence(lost: Sequence[Gap]) -> str:
    gap = lost[0]
    uses = ", ".join(each.use for each in lost[:NAMED])
    more = f" and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
    verb = "cannot enforce" if gap.judgement.level == "cannot" else "only partly enforces"
    return f"{gap.place}: {gap.line}: the guard {verb} {uses}{more}: {gap.judgement.why}"
