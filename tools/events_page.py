"""The reference of all events, docs/events.md, as `reference.py` writes it."""

import ast
import inspect
import textwrap
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from backchannel import events, protocols
from backchannel.detect import events as added
from backchannel.events import Event, tag_of
from backchannel.privacy import sensitive_fields


def events_page() -> str:
    """Return the reference of all events."""
    parts = [
        "# Events\n",
        "Generated from the code by `tools/reference.py`. One line of `--events` is one event:",
        "`time`, `frame`, `service`, `protocol`, `stack`, `confidence`, `side`, `account`, `flow`",
        "and the fields below. Fields marked *secret* are shown only with `--secrets`, fields",
        "marked *content* only with `--content`.\n",
    ]
    parts += [*_events(events), "## Not from a decoder\n", *_events(added)]
    for name in sorted(protocols.load()):
        folder = f"{protocols.__name__}.{name.replace('-', '_')}"
        if find_spec(f"{folder}.events"):
            told = _events(import_module(f"{folder}.events"))
            parts += [f"## Only in {name}\n", *told] if told else []
    return "\n".join(parts)


def _events(module: Any) -> list[str]:
    """Return the sections of all events that *module* itself defines, and then of their parts."""
    own = [
        value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and issubclass(value, msgspec.Struct)
        and value is not Event
        and not name.startswith("_")
    ]
    kinds = [each for each in own if issubclass(each, Event)]
    return [_event(kind) for kind in kinds] + [_part(each) for each in own if each not in kinds]


def _event(kind: type[Event]) -> str:
    about = " ".join((kind.__doc__ or "").split())
    rows = [f"### `{tag_of(kind)}`\n", about, "", *_fields(kind)]
    if kind.CAPABILITY:
        rows.append(f"Shows the capability `{kind.CAPABILITY}`.\n")
    return "\n".join(rows)


def _part(kind: type[msgspec.Struct]) -> str:
    about = " ".join((kind.__doc__ or "").split())
    return "\n".join([f"### {kind.__name__}\n", about, "", *_fields(kind)])


def _fields(kind: type[msgspec.Struct]) -> list[str]:
    """Return the table of a struct's fields, with what is said of each in the code."""
    if not kind.__struct_fields__:
        return []
    hints, private, told = get_type_hints(kind), sensitive_fields(kind), dict[str, str]()
    for base in reversed(kind.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            told |= field_docs(tree) if isinstance(tree, ast.ClassDef) else {}
    rows = ["| field | type | |", "| --- | --- | --- |"]
    for name in kind.__struct_fields__:
        marked = f"*{private[name]}*" if name in private else ""
        about = " ".join(filter(None, (marked, told.get(name))))
        rows.append(f"| `{name}` | {_type(hints[name])} | {about} |")
    return [*rows, ""]


def _type(hint: Any) -> str:
    """Return a type as JSON has it, in words."""
    words = get_args(hint) if get_origin(hint) is Literal else ()
    if words:
        return " or ".join(f"`{word}`" if word != "" else "empty" for word in words)
    if get_origin(hint) is tuple:
        inner = [each for each in get_args(hint) if each is not ...]
        many = ... in get_args(hint)
        shapes = ", ".join(map(_type, inner))
        return f"list of {shapes}" if many else f"[{shapes}]"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return "a capability"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    names = {str: "text", int: "number", bool: "true or false", type(None): "null"}
    return names.get(hint) or " or ".join(map(_type, get_args(hint)))


def field_docs(node: ast.ClassDef) -> dict[str, str]:
    """Return what stands below each field of a class, as one line."""
    found = dict[str, str]()
    name = ""
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            name = part.target.id
            found[name] = ""
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and name:
            found[name] = " ".join(str(part.value.value).split())
            name = ""
    return found
