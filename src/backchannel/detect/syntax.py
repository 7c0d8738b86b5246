"""Reads an expression of a rule, and holds all of it against the list of what may stand in one."""

import ast
from functools import lru_cache
from typing import NamedTuple, get_type_hints

from backchannel.detect.functions import FUNCTIONS

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
_TRUTHS = frozenset(
    name for name, each in FUNCTIONS.items() if get_type_hints(each).get("return") is bool
)
"""Functions that return True or False."""
_LONGEST = 4096
"""Characters of an expression."""
_REMEMBERED = 512
"""Expressions that are not read again: rules ask for the same few of many kinds of event."""


class Checked(NamedTuple):
    """What is known of an expression."""

    text: str
    """On one line."""
    names: frozenset[str]
    """The names in it that are not functions."""
    where: tuple[tuple[int, int, str], ...]
    """Where all names stand: from which byte to which."""
    all_of: tuple[str, ...]
    """Expressions that all must hold where it does; empty where it is no `and`."""
    sure: bool
    """Whether it is True wherever Python takes it for true."""


class NotAllowedError(Exception):
    """What a text does that no expression may."""


@lru_cache(maxsize=_REMEMBERED)
def checked(text: str) -> Checked:
    """Return what is known of an expression. Raises NotAllowedError."""
    if len(text) > _LONGEST:
        raise NotAllowedError(f"an expression has at most {_LONGEST} characters")
    try:
        tree = ast.parse(text, mode="eval")
        if not text.isprintable() or "#" in text:  # so that it can stand within a line
            tree = ast.parse(text := ast.unparse(tree), mode="eval")
        all_of = tuple(map(ast.unparse, _all_of(tree.body)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotAllowedError(f"{text!r} is not an expression: {error}") from error
    nodes = list(ast.walk(tree))
    for node in nodes:
        _check(node, text)
    found = [node for node in nodes if isinstance(node, ast.Name)]
    where = sorted((node.col_offset, node.end_col_offset or 0, node.id) for node in found)
    names = frozenset({node.id for node in found} - set(FUNCTIONS))
    return Checked(text, names, tuple(where), all_of, _sure(tree.body))


def _all_of(body: ast.expr) -> list[ast.expr]:
    """Return what must all hold where an expression does; nothing where it is no `and`."""
    if isinstance(body, ast.BoolOp) and isinstance(body.op, ast.And):
        return body.values
    return []


def _sure(node: ast.expr) -> bool:
    """Say whether the value of an expression is True wherever Python takes it for true."""
    if isinstance(node, ast.BoolOp):
        last = -1 if isinstance(node.op, ast.And) else 0  # only an `or` ends with what came before
        return all(map(_sure, node.values[last:]))
    if isinstance(node, ast.IfExp):
        return _sure(node.body) and _sure(node.orelse)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _TRUTHS
    if isinstance(node, ast.Constant):
        return node.value is True or not node.value
    return isinstance(node, ast.Compare) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def _check(node: ast.AST, text: str) -> None:
    if not isinstance(node, _ALLOWED):
        raise NotAllowedError(f"{text!r} uses {type(node).__name__}, which rules may not")
    if isinstance(node, ast.Call):
        known = isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS
        if not known or node.keywords:
            raise NotAllowedError(
                f"{text!r} calls something other than a known function: {', '.join(FUNCTIONS)}"
            )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        sides = (node.left, node.right)
        if any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in sides):
            raise NotAllowedError(f"{text!r} multiplies a text")
