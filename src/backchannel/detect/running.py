"""A rule at work: its expressions, made ready when first asked for, and what it found so far."""

from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from backchannel.detect.expressions import Expression
from backchannel.detect.found import Found
from backchannel.detect.model import Rule

if TYPE_CHECKING:
    from backchannel.detect.plan import Case, Seen

Subject: TypeAlias = tuple[str, ...]
"""What a finding is about."""
Watched: TypeAlias = "dict[str | int, tuple[int, Case, Seen]]"
"""Matches that are counted, the oldest first, each with its time: by what must differ between them,
or numbered."""


class RunningRule:
    """A rule with its expressions and its state."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.found: dict[Subject, Found] = {}
        self.watched: dict[Subject, Watched] = {}
        self.numbers = count()
        self.let_go = 0
        """Subjects that were no longer watched because of others."""
        self.not_shown = 0
        """Matches that would have made one finding too many."""

    @cached_property
    def when(self) -> Expression:
        """What must hold of an event."""
        return Expression(self.rule.when, self.rule.id)

    @cached_property
    def each(self) -> list[Expression]:
        """What makes two matches one finding: the same values of these."""
        return [Expression(text, self.rule.id) for text in self.rule.each]

    @cached_property
    def excerpt(self) -> Expression | None:
        """What is shown of an event as evidence."""
        return Expression(self.rule.excerpt, self.rule.id) if self.rule.excerpt else None

    @cached_property
    def distinct(self) -> Expression | None:
        """What must differ between matches that are counted."""
        distinct = self.rule.count.distinct if self.rule.count else ""
        return Expression(distinct, self.rule.id) if distinct else None
