"""Expressions of rules: Python's own syntax, of which only values, names, comparisons, arithmetic,
choices and calls of our functions are let through. No attributes, no loops, no imports.

What passed is compiled, once for each kind of event that it meets, with the places of its names in
their stead: a rule meets every event of its kind, and a scan must not take a tenth longer for its
findings. See docs/decisions/0002-rule-expressions.md.
"""

import re
from collections.abc import Callable, Mapping, Set
from functools import cached_property, lru_cache
from operator import attrgetter
from types import CodeType
from typing import Any

from backchannel.detect.functions import FUNCTIONS
from backchannel.detect.names import SIDES
from backchannel.detect.prepared import CHECKED, QUESTIONS
from backchannel.errors import UsageError

FAILURES = (NameError, AttributeError, TypeError, ValueError, KeyError, ArithmeticError, re.error)
"""What an expression raises where a name is not there, or is of another type than it thinks."""

_REMEMBERED = 512
"""Functions that are kept: rules ask for the same few of many kinds of event."""


class Expression:
    """One expression: checked at once, compiled when it is first asked for its value."""

    def __init__(self, text: str, where: str) -> None:
        """Raises UsageError, with *where* it stands, for what is not allowed."""
        known = CHECKED.get(text)
        if known is None:
            from backchannel.detect import syntax  # noqa: PLC0415 - which our own rules do not need

            try:
                text, *known = syntax.checked(text)
            except syntax.NotAllowedError as error:
                raise UsageError(f"{where}: {error}") from error
        self.text = text
        self.names, self._where, self._all, self.sure = known

    @property
    def asked(self) -> list[str]:
        """The names in it, as often as they stand there."""
        return [name for _, _, name in self._where if name in self.names]

    @cached_property
    def _code(self) -> CodeType:
        return compile(self.text, "<rule>", "eval")

    def value(self, names: Mapping[str, Any]) -> Any:
        """Return the value with these *names*; None where a name is not there or types differ."""
        try:
            return eval(self._code, _GLOBALS, names)  # noqa: S307 - only what `syntax` let through
        except FAILURES:
            return None

    def at(self, places: Mapping[str, str]) -> str:
        """Return its text, for `function`: in brackets where it needs them, and with the places of
        its names in their stead. A name that has none fails where it is met.
        """
        if self.text in places:
            return places[self.text]
        text, parts, done = self.text.encode(), list[bytes](), 0
        for start, end, name in self._where:
            if place := places.get(name, "" if name in FUNCTIONS else NOTHING):
                parts += text[done:start], place.encode()
                done = end
        return f"({b''.join([*parts, text[done:]]).decode()})"

    def split(self, names: Set[str]) -> tuple[list["Expression"], list["Expression"]]:
        """Return the parts that must all hold: those that ask for nothing but *names*, and the
        others.
        """
        if not self.sure:  # of the last part it matters whether it is True
            return [], [self]
        parts = [Expression(part, self.text) for part in self._all] or [self]
        known = [part for part in parts if part.names <= names]
        return known, [part for part in parts if part not in known]

    def may_hold(self, names: Mapping[str, Any]) -> bool:
        """Say whether it can be true where these *names* have these values, whatever the others."""
        if self.names <= names.keys():
            return bool(self.value(names))
        return all(Expression(part, self.text).may_hold(names) for part in self._all)


@lru_cache(maxsize=_REMEMBERED)
def function(text: str) -> Callable[[Any], Any]:
    """Return what works out a text, as `Expression.at` gives it, of what is `seen`. It raises
    FAILURES as they come.
    """
    if is_place(text):
        return attrgetter(text.removeprefix("seen."))  # half of what a function of ours takes
    known = QUESTIONS.get(text)
    return known or eval(f"lambda seen: {text}", _PLACED)  # type: ignore[no-any-return]  # noqa: S307


def is_place(text: str) -> bool:
    """Say whether a text is nothing but a place of what is `seen`."""
    return text.startswith("seen.") and text.replace(".", "").isidentifier()


NOTHING = "_nothing"
"""Stands for a name that has no place; nothing is called so."""
_GLOBALS: dict[str, Any] = {"__builtins__": {}, **FUNCTIONS}
_PLACED = _GLOBALS | {"str": str, "SIDES": SIDES}
"""What places name as well."""
