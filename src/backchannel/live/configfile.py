"""Reads configuration: TOML files in, one `Config` out, or every fault with its file and line."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from backchannel.errors import UsageError, reason
from backchannel.live.config import Config
from backchannel.live.units import Duration, Size, convert
from backchannel.suggest import suggest
from backchannel.yamlfile import in_words

SYSTEM = Path("/etc/backchannel/backchannel.toml")
"""Read where no file is named, if it is there."""
LARGEST = 1 << 20

Where = tuple[str | int, ...]
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    file: str
    line: int
    """Counted from 1; 0 where no line is to blame."""
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


class Faulty(UsageError):  # noqa: N818 - what the configuration is
    """A configuration that cannot be used."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, faults)))


class Layers:
    """The values of some files put over each other, and where each one stands."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.places: dict[Where, tuple[str, int]] = {}

    def place(self, where: Where) -> tuple[str, int]:
        """Return file and line of a setting, or of what is around it."""
        while where not in self.places and where:
            where = where[:-1]
        return self.places.get(where, ("configuration", 0))

    def set(self, where: tuple[str, str], value: object, option: str) -> None:
        """Put one setting, given as *option*, over all others."""
        table = self.values.get(where[0])
        if not isinstance(table, dict):
            table = self.values[where[0]] = {}
        table[where[1]] = value
        self.places[where] = (option, 0)

    def fault(self, where: Where, text: str) -> Fault:
        """Return what is wrong with a setting, and where."""
        file, line = self.place(where)
        if file.startswith("--"):  # an option, which has the setting's name
            text = text.removeprefix(f"{where[-1]}: ")
        return Fault(file, line, text)

    def add(self, path: Path) -> None:
        """Put a file over the others. Tables grow, lists of tables too; all else is replaced."""
        text = _text(path)
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"\(at line (\d+), column \d+\)", str(error))
            said = str(error).partition(" (at ")[0]
            raise Faulty([Fault(str(path), int(found[1]) if found else 0, said)]) from None
        lines = dict[Where, tuple[str, int]]()
        for where, line in _lines(text):
            lines.setdefault(where, (str(path), line))
        self._merge(self.values, values, (), (), lines)

    def _merge(
        self,
        into: dict[str, Any],
        values: Mapping[str, Any],
        here: Where,
        there: Where,
        lines: Mapping[Where, tuple[str, int]],
    ) -> None:
        """*here* is where it stands in all, *there* where it stood in its file."""
        for key, value in values.items():
            place, from_ = (*here, key), (*there, key)
            old = into.get(key)
            if from_ in lines:
                self.places[place] = lines[from_]
            if isinstance(value, dict):
                target = old if isinstance(old, dict) else {}
                into[key] = target
                self._merge(target, value, place, from_, lines)
            elif isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
                rows = into[key] = old if isinstance(old, list) else []
                for number, row in enumerate(value):
                    at, was = (*place, len(rows)), (*from_, number)
                    self.places[at] = lines.get(was, lines.get(from_, (key, 0)))
                    rows.append({})
                    self._merge(rows[-1], row, at, was, lines)
            else:
                into[key] = value


def layers(path: Path | None) -> Layers:
    """Return what *path* and `conf.d/*.toml` beside it say, not checked yet.

    Without a path the system's file is read, if it is there. Raises Faulty where one is no TOML.
    """
    found = Layers()
    if path is None:
        if not SYSTEM.exists():
            return found
        path = SYSTEM
    for file in (path, *sorted((path.parent / "conf.d").glob("*.toml"))):
        found.add(file)
    return found


def read(path: Path | None) -> Config:
    """Return the configuration of *path*. Raises Faulty with all that is wrong."""
    return made(layers(path))


def made(found: Layers) -> Config:
    """Return what *found* holds as a Config. Raises Faulty."""
    faults = [found.fault(*each) for each in _check(Config, found.values, ())]
    if faults:
        raise Faulty(faults)
    try:
        return msgspec.convert(found.values, Config, dec_hook=convert)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `$")
        keys = re.findall(r"\.([\w-]+)|\[(\d+)\]", where)
        told: Where = tuple(int(number) if number else name for name, number in keys)
        raise Faulty([found.fault(told, said)]) from None


def _check(kind: type, values: object, where: Where) -> Iterator[tuple[Where, str]]:
    """Yield every fault in the table *values*, which should be a *kind*."""
    name = ".".join(str(part) for part in where if isinstance(part, str))
    if not isinstance(values, dict):
        yield where, f"{name} is a table: write [{name}] and its settings below it"
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    hints = get_type_hints(kind, include_extras=True)
    for key, value in values.items():
        if key not in fields:
            yield (*where, key), _unknown(name, key, list(fields))
            continue
        yield from _check_value(hints[key], value, (*where, key))
    for key, field in fields.items():
        if field.required and key not in values:
            yield where, f"{name} needs the setting {key}: {description(hints[key])}"


def _check_value(hint: Any, value: object, where: Where) -> Iterator[tuple[Where, str]]:
    """Yield what is wrong with one setting."""
    table = table_of(hint)
    if table is not None and not is_list(hint):
        yield from _check(table, value, where)
    elif table is not None:
        rows = value if isinstance(value, list) else [None]
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                name = ".".join(str(part) for part in where if isinstance(part, str))
                yield where, f"{name} is a list of tables: write [[{name}]] for each"
                return
            yield from _check(table, row, (*where, number))
    else:
        try:
            _large_enough(msgspec.convert(value, hint, dec_hook=convert), hint)
        except (msgspec.ValidationError, ValueError) as error:
            said = str(error).partition(" - at `$")[0]
            yield where, f"{where[-1]}: {_plain(said)}; {_wanted(hint)}".rstrip("; ")


def _large_enough(value: object, hint: Any) -> None:
    """Raise ValueError for a size or a time below the least one that makes sense."""
    for meta in getattr(hint, "__metadata__", ()):
        least = (meta.extra or {}).get("least")
        if least is not None and isinstance(value, Size | Duration) and value < least:
            raise ValueError(f"at least {type(value)(least)}")


def _unknown(table: str, key: str, known: list[str]) -> str:
    inside = f"[{table}] has" if table else "there is"
    return f"{inside} no setting {key}; {suggest(key, known)}"


def _plain(said: str) -> str:
    """Return what msgspec says in words of TOML."""
    return "does not fit" if "matching regex" in said else in_words(said)


def _wanted(hint: Any) -> str:
    """Say what to write instead."""
    metas = getattr(hint, "__metadata__", ())
    if told := next((each.extra["wanted"] for each in metas if "wanted" in (each.extra or {})), ""):
        return str(told)
    base = plain_type(hint)
    examples: dict[Any, str] = {
        bool: "write true or false",
        int: "",  # what msgspec says is enough
        str: "write text in quotes",
        Path: "write a path in quotes",
        Size: 'write a size such as "64MB"',
        Duration: 'write a time such as "90s" or "1h"',
    }
    words = [word for word in get_args(base) if isinstance(word, str)]
    if words:
        return "write one of " + ", ".join(f'"{word}"' for word in words)
    if is_list(hint):
        return 'write a list such as ["a", "b"]'
    return examples.get(base, "see docs/configuration.md")


# -- types -----------------------------------------------------------------------------------------


def plain_type(hint: Any) -> Any:
    """Return the type of a setting without its description, and without `None`."""
    while hasattr(hint, "__metadata__"):
        hint = hint.__origin__
    options = [part for part in get_args(hint) if part is not type(None)]
    if type(None) in get_args(hint) and len(options) == 1:
        return plain_type(options[0])
    return hint


def is_list(hint: Any) -> bool:
    """Say whether a setting is a list."""
    return getattr(plain_type(hint), "__origin__", None) is tuple


def table_of(hint: Any) -> type | None:
    """Return the struct of a setting that is a table or a list of tables."""
    base = plain_type(hint)
    if is_list(hint):
        base = plain_type(get_args(base)[0])
    found = isinstance(base, type) and issubclass(base, msgspec.Struct)
    return base if found else None


def description(hint: Any) -> str:
    """Return what a setting means."""
    for meta in reversed(getattr(hint, "__metadata__", ())):
        if isinstance(meta, msgspec.Meta) and meta.description:
            return meta.description
    return ""


# -- text ------------------------------------------------------------------------------------------


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise Faulty([Fault(str(path), 0, "is too large for a configuration")])
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Faulty([Fault(str(path), 0, f"is not UTF-8 at byte {error.start}")]) from None
    except OSError as error:
        raise Faulty([Fault(str(path), 0, reason(error))]) from None


def _lines(text: str) -> Iterator[tuple[Where, int]]:
    """Yield the line of every table header and key. tomllib, which decides, tells no places."""
    here: Where = ()
    rows: dict[Where, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if found := _HEADER.match(line):
            here = _inside(tuple(_parts(found[2])), rows)
            if found[1] == "[[":
                rows[here] = rows.get(here, -1) + 1
                yield here, number
                here = (*here, rows[here])
            for count in range(1, len(here) + 1):
                yield here[:count], number
        elif found := _KEY.match(line):
            parts = _parts(found[1])
            for count in range(1, len(parts) + 1):
                yield (*here, *parts[:count]), number


def _inside(where: Where, rows: Mapping[Where, int]) -> Where:
    """Return *where* with the number of the last row of each list of tables on the way."""
    out: Where = ()
    for part in where[:-1]:
        out = (*out, part)
        if out in rows:
            out = (*out, rows[out])
    return (*out, *where[-1:])


def _parts(text: str) -> list[str]:
    return [part.strip().strip("\"'") for part in text.split(".")]
