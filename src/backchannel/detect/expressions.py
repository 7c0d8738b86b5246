"""Expressions of rules: Python's own syntax, of which only values, names, comparisons, arithmetic,
choices and calls of our functions are let through. No attributes, no loops, no imports.

What passed is compiled, once for each kind of event that it meets, with the places of its names in
their stead: a rule meets every event of its kind, and a scan must not take a tenth longer for its
findings. See docs/decisions/0002-rule-expressions.md.
"""

import ast
import re
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from types import CodeType
from typing import Any, TypeAlias

from backchannel.detect.functions import FUNCTIONS
from backchannel.detect.names import SIDES
from backchannel.detect.prepared import CHECKED, QUESTIONS
from backchannel.errors import UsageError

FAILURES = (NameError, AttributeError, TypeError, ValueError, KeyError, ArithmeticError, re.error)
"""What an expression raises where a name is not there, or is of another type than it thinks."""

_ALLOWED = (
    ast.Expression,
    ast.Constant,
    ast.Name,
    ast.Load,
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Compare,
    ast.cmpop,
    ast.BoolOp,
    ast.boolop,
    ast.UnaryOp,
    ast.unaryop,
    ast.BinOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.IfExp,
    ast.Call,
)
_LONGEST = 4096
"""Characters of an expression."""
_REMEMBERED = 512
"""Expressions that are not read again: rules ask for the same few of many kinds of event."""

Checked: TypeAlias = tuple[str, frozenset[str], tuple[tuple[int, int, str], ...]]
"""An expression's text, the names in it that are no functions, and where all names stand."""


class Expression:
    """One expression: checked at once, compiled when it is first asked for its value."""

    def __init__(self, text: str, where: str) -> None:
        """Raises UsageError, with *where* it stands, for what is not allowed."""
        try:
            self.text, self.names, self._where = _checked(text)
        except _NotAllowedError as error:
            raise UsageError(f"{where}: {error}") from error

    @cached_property
    def _code(self) -> CodeType:
        return compile(self.text, "<rule>", "eval")

    def value(self, names: Mapping[str, Any]) -> Any:
        """Return the value with these *names*; None where a name is not there or types differ."""
        try:
            return eval(self._code, _GLOBALS, names)  # noqa: S307 - only what _check let through
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

    def may_hold(self, names: Mapping[str, Any]) -> bool:
        """Say whether it can be true where these *names* have these values, whatever the others."""
        if self.names <= names.keys():
            return bool(self.value(names))
        body = ast.parse(self.text, mode="eval").body
        both = body.values if isinstance(body, ast.BoolOp) and isinstance(body.op, ast.And) else []
        return all(Expression(ast.unparse(part), self.text).may_hold(names) for part in both)


@lru_cache(maxsize=_REMEMBERED)
def function(text: str) -> Callable[[Any], Any]:
    """Return what works out a text, as `Expression.at` gives it, of what is `seen`. It raises
    FAILURES as they come.
    """
    known = QUESTIONS.get(text)
    return known or eval(f"lambda seen: {text}", _PLACED)  # type: ignore[no-any-return]  # noqa: S307


NOTHING = "_nothing"
"""Stands for a name that has no place; nothing is called so."""
_GLOBALS: dict[str, Any] = {"__builtins__": {}, **FUNCTIONS}
_PLACED = _GLOBALS | {"str": str, "SIDES": SIDES}
"""What places name as well."""


class _NotAllowedError(Exception):
    """What a text does that no expression may."""


def _checked(text: str) -> Checked:
    """Return an expression's text with its names. Raises _NotAllowedError."""
    known = CHECKED.get(text)
    return (text, *known) if known else checked(text)


@lru_cache(maxsize=_REMEMBERED)
def checked(text: str) -> Checked:
    """Return an expression's text, on one line, the names in it that are no functions, and where
    all its names stand. Raises _NotAllowedError.
    """
    if len(text) > _LONGEST:
        raise _NotAllowedError(f"an expression has at most {_LONGEST} characters")
    try:
        tree = ast.parse(text, mode="eval")
        if not text.isprintable() or "#" in text:  # so that it can stand within a line
            tree = ast.parse(text := ast.unparse(tree), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _NotAllowedError(f"{text!r} is no expression: {error}") from error
    nodes = list(ast.walk(tree))
    for node in nodes:
        _check(node, text)
    found = [node for node in nodes if isinstance(node, ast.Name)]
    where = sorted((node.col_offset, node.end_col_offset or 0, node.id) for node in found)
    return text, frozenset({node.id for node in found} - set(FUNCTIONS)), tuple(where)


def _check(node: ast.AST, text: str) -> None:
    if not isinstance(node, _ALLOWED):
        raise _NotAllowedError(f"{text!r} uses {type(node).__name__}, which rules may not")
    if isinstance(node, ast.Call):
        known = isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS
        if not known or node.keywords:
            raise _NotAllowedError(
                f"{text!r} calls what is no function; there are {', '.join(FUNCTIONS)}"
            )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        sides = (node.left, node.right)
        if any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in sides):
            raise _NotAllowedError(f"{text!r} multiplies a text")
