"""YAML whose errors have lines: all of them at once, each with file, line and what is wrong.

Only what JSON has is read from the text: numbers, `true`, `false`, `null`; all else is text. So
`2026-11-21`, `18:00` and `no` mean what they look like. Aliases are refused, because a few lines
of them stand for more data than any memory holds.
"""

import hashlib
import re
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from backchannel.errors import InputError, reason
from backchannel.suggest import suggest

T = TypeVar("T")
Where = tuple[str | int, ...]
"""The way to a place in a file: keys of mappings and places in lists."""

MAX_DEPTH = 32
MAX_SIZE = 16 * 1024 * 1024
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_TAGS = tuple(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge", "value")
)
_INTEGER = re.compile(r"-?\d{1,18}\Z")


class YamlFile:
    """A YAML file, what it holds, and what was found wrong with it so far."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        """Read *path*, or *text* in its place. Raises InputError where it is no YAML at all."""
        self.path, self.errors = path, list[str]()
        try:
            if text is None:
                if path.stat().st_size > MAX_SIZE:
                    raise InputError(path, f"larger than {MAX_SIZE >> 20} MiB")
                text = path.read_text(encoding="utf-8")
            self._node = yaml.compose(text, Loader=yaml.CSafeLoader)
        except OSError as error:
            raise InputError(path, reason(error)) from error
        except UnicodeDecodeError as error:
            raise InputError(path, f"is not UTF-8 at byte {error.start}") from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"line {mark.line + 1}" if mark else ""
            text = f"not valid YAML: {error.problem or error.context}"
            raise InputError(path, text, where) from error
        except yaml.YAMLError as error:
            raise InputError(path, f"not valid YAML: {_one_line(error)}") from error
        self._made = set[int]()
        self._text = text
        self.data: Any = self._construct(self._node, (), 0)

    def digest(self, *more: bytes) -> str:
        """Return SHA-256 of the file and of *more*, in hexadecimal."""
        return hashlib.sha256(b"".join((self._text.encode(), *more))).hexdigest()

    def complain(self, where: Where, message: str) -> None:
        """Keep an error of a place in the file."""
        self.errors.append(f"{self.path}:{self.line(where)}: {_dotted(where)}{message}")

    def line(self, where: Where) -> int:
        """Return the line of a place in the file, or of the nearest place around it."""
        line, node = 1, self._node
        for step in where:
            if isinstance(node, yaml.MappingNode):
                pairs = [(key, value) for key, value in node.value if key.value == str(step)]
                if not pairs:
                    break
                line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                if step >= len(node.value):
                    break
                node = node.value[step]
                line = node.start_mark.line + 1
        return line

    def convert(self, kind: type[T]) -> T | None:
        """Return the data as *kind*, a msgspec struct whose parts take no field that is not known;
        None where it does not fit, with reasons.
        """
        if not isinstance(self.data, dict):
            self.complain((), "must be a mapping (`key: value` lines)")
            return None
        try:
            return msgspec.convert(self.data, kind, strict=True)
        except msgspec.ValidationError as error:  # the first one there is: look for all of them
            before = len(self.errors)
            self._fit(self.data, kind, ())
            if len(self.errors) == before:
                self.complain((), _clean(error))
            return None

    # -- from nodes to data ----------------------------------------------------------------------

    def _construct(self, node: Any, where: Where, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise InputError(self.path, f"nested deeper than {MAX_DEPTH}", f"line {_mark(node)}")
        if node is not None and not node.tag.startswith(_TAGS):
            raise InputError(self.path, "tags (!name) are not read", f"line {_mark(node)}")
        if isinstance(node, yaml.CollectionNode):
            if id(node) in self._made:
                raise InputError(self.path, "aliases (*name) are not read", f"line {_mark(node)}")
            self._made.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where, depth)
        if isinstance(node, yaml.SequenceNode):
            return [
                self._construct(item, (*where, place), depth + 1)
                for place, item in enumerate(node.value)
            ]
        return None if node is None else _scalar(node)

    def _mapping(self, node: Any, where: Where, depth: int) -> dict[str, Any]:
        made = dict[str, Any]()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if name in made:
                message = f"stands twice: here and in line {self.line((*where, name))}"
                self.errors.append(f"{self.path}:{_mark(key)}: {_dotted((*where, name))}{message}")
            made[name] = self._construct(value, (*where, name), depth + 1)
        return made

    # -- what does not fit -----------------------------------------------------------------------

    def _fit(self, value: Any, kind: Any, where: Where) -> None:
        """Complain of every part of *value* that is not as *kind* says, each at its place."""
        inner = _struct_in(kind)
        if inner is not None and isinstance(value, dict):
            self._fit_struct(value, inner, where)
        elif isinstance(value, dict) and get_origin(kind) is dict:
            for key, item in value.items():
                self._fit(item, get_args(kind)[1], (*where, key))
        elif isinstance(value, list) and get_origin(kind) in (list, tuple):
            for place, item in enumerate(value):
                self._fit(item, get_args(kind)[0], (*where, place))
        else:
            try:
                msgspec.convert(value, kind, strict=True)
            except msgspec.ValidationError as error:
                choices = _choices(kind)
                hint = f"; {suggest(value, choices)}" if choices and isinstance(value, str) else ""
                self.complain(where, _clean(error) + hint)

    def _fit_struct(self, value: dict[str, Any], kind: type, where: Where) -> None:
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for name, item in value.items():
            if name in fields:
                self._fit(item, fields[name].type, (*where, name))
            else:
                self.complain((*where, name), f"is not known; {suggest(name, fields)}")
        for name, field in fields.items():
            if field.required and name not in value:
                self.complain(where, f"`{name}` is missing")


def _choices(kind: Any) -> tuple[str, ...]:
    """Return the words that *kind* allows, where it allows nothing else."""
    if get_origin(kind) is Literal:
        return tuple(word for word in get_args(kind) if isinstance(word, str))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(str(each.value) for each in kind)
    if get_origin(kind) in (Union, UnionType):  # or nothing
        parts = [each for each in get_args(kind) if each is not type(None)]
        return _choices(parts[0]) if len(parts) == 1 else ()
    return ()


def _struct_in(kind: Any) -> type | None:
    """Return the one struct that a mapping would have to be, where *kind* allows one."""
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    found = [each for each in kinds if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    return found[0] if len(found) == 1 else None


def _scalar(node: Any) -> Any:
    text = str(node.value)
    if node.style:  # quoted, or a block of text
        return text
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.match(text) else text


def _mark(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _clean(error: msgspec.ValidationError) -> str:
    said = re.sub(r" - at `\$(\[(\.\.\.|\d+)\])?\.?([^`]*)`", r" (in \3)", str(error))
    return in_words(said.replace(" (in )", ""))


def in_words(said: str) -> str:
    """Return what msgspec says of a value that does not fit, with people's words for its types."""
    for name, word in _TYPES.items():
        said = said.replace(f"`{name}`", word)
    return said[:1].lower() + said[1:]


_TYPES = {
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def _dotted(where: Where) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)
    return f"{text.lstrip('.')}: " if text else ""
