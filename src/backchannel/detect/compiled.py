"""A rule at work: its expressions, made ready when first asked for, and what it found so far."""

from collections import deque
from functools import cached_property

from backchannel.detect.expressions import Expression
from backchannel.detect.found import Found, Match
from backchannel.detect.model import Rule


class Compiled:
    """A rule with its expressions and its state."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.found: dict[tuple[str, ...], Found] = {}
        self.watched: dict[tuple[str, ...], deque[tuple[Match, str]]] = {}

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
