"""Reads service files. All errors at once, each with file, line and what is wrong.

A file does not load when a fact has no source, names one that is not listed, lists one that
nothing uses, names a decoder that we do not have, or counters a risk that it does not list.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import yaml

from backchannel.catalogue.model import Service
from backchannel.errors import InputError

HERE = Path(__file__).parent / "services"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


class CatalogueError(InputError):
    """One or more service files cannot be used; the text has a line for each error."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("catalogue", "\n" + "\n".join(errors))
        self.errors = errors


def load(*folders: Path, protocols: Iterable[str] = ()) -> dict[str, Service]:
    """Return the services of our own folder and *folders* by id; later folders win.

    *protocols* are the decoders there are. Raises CatalogueError with all errors of all files.
    """
    known, errors, services = frozenset(protocols), list[str](), dict[str, Service]()
    for folder in (HERE, *folders):
        if not folder.is_dir():
            errors.append(f"{folder}: no such folder of services")
        for path in sorted(folder.glob("*.yaml")):
            service = _read(path, known, errors)
            if service is not None:
                services[service.id] = service
    if errors:
        raise CatalogueError(errors)
    return dict(sorted(services.items()))


def _read(path: Path, protocols: frozenset[str], errors: list[str]) -> Service | None:
    """Return the service in *path*; None, with the reasons in *errors*, when it cannot be used."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        data = _undated(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        errors.append(f"{path}: {error}")
        return None
    before = len(errors)

    def complain(where: tuple[str | int, ...], message: str) -> None:
        errors.append(f"{path}:{_line(node, where)}: {_dotted(where)}{message}")

    if not isinstance(data, dict):
        complain((), "a service file is a mapping")
        return None
    service = _convert(data, complain)
    if service is not None:
        if service.id != path.stem or not _ID.match(service.id):
            complain(("id",), f"{service.id!r} must be the file's name, in lower case")
        _check(service, data, protocols, complain)
    return service if len(errors) == before else None


def _undated(value: Any) -> Any:
    """Return *value* with the dates that YAML made of text as text again."""
    if isinstance(value, dict):
        return {str(key): _undated(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_undated(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


Complain = Callable[[tuple[str | int, ...], str], None]


def _convert(data: dict[str, Any], complain: Complain) -> Service | None:
    """Convert, and say every field that does not fit, not only the first."""
    hints = {field.name: field.type for field in msgspec.structs.fields(Service)}
    good = True
    for name, value in data.items():
        if name not in hints:
            complain((name,), f"is not known; known are {', '.join(hints)}")
            good = False
            continue
        for where, part in _parts(name, value):
            try:
                msgspec.convert(part, hints[name], strict=True, str_keys=True)
            except msgspec.ValidationError as error:
                complain(where, _clean(error))
                good = False
    if not good:
        return None
    try:
        return msgspec.convert(data, Service, strict=True)
    except msgspec.ValidationError as error:
        complain((), _clean(error))
        return None


def _parts(name: str, value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield what is converted by itself, so that each item's error has the item's line."""
    if isinstance(value, list):
        yield from (((name, place), [item]) for place, item in enumerate(value))
    elif name == "sources" and isinstance(value, dict):
        yield from (((name, key), {key: item}) for key, item in value.items())
    else:
        yield (name,), value


def _clean(error: msgspec.ValidationError) -> str:
    return re.sub(r" - at `\$(\[(\.\.\.|\d+)\])?\.?([^`]*)`", r" (in \3)", str(error)).replace(
        " (in )", ""
    )


def _check(
    service: Service, data: dict[str, Any], protocols: frozenset[str], complain: Complain
) -> None:
    used = set[str]()
    for where, name in _citations(data):
        used.add(name)
        if name not in service.sources:
            complain(where, f"names the source {name!r}, which is not under `sources`")
    for where, listed in _empty_citations(data):
        complain(where, f"has no source: a fact without one does not load ({listed})")
    for name in service.sources:
        if name not in used:
            complain(("sources", name), "is used by no fact")
    if protocols:
        for place, name in enumerate(service.protocols):
            if name not in protocols:
                complain(("protocols", place), f"there is no decoder {name!r}")
    risks = {risk.id for risk in service.risks}
    for place, measure in enumerate(service.countermeasures):
        for risk in measure.against:
            if risk not in risks:
                complain(("countermeasures", place), f"counters {risk!r}, which is not a risk here")


def _citations(
    value: Any, where: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every place that names a source, and the name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if where == () and key == "sources":
                continue
            if key == "sources" and isinstance(inner, list):
                for place, name in enumerate(inner):
                    yield (*where, key, place), str(name)
            elif key == "source":
                if isinstance(inner, str) and (where[:1] in (("disputes",), ("matrix2002",))):
                    yield (*where, key), inner
            else:
                yield from _citations(inner, (*where, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _citations(inner, (*where, place))


def _empty_citations(
    value: Any, where: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "sources" and inner == []:
                yield where, "sources: []"
            else:
                yield from _empty_citations(inner, (*where, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _empty_citations(inner, (*where, place))


def _line(node: Any, where: tuple[str | int, ...]) -> int:
    """Return the line of a place in the file, or of the nearest place around it."""
    line = 1
    for step in where:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == str(step)]
            if not pairs:
                return line
            line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            if step >= len(node.value):
                return line
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def _dotted(where: tuple[str | int, ...]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)
    return f"{text.lstrip('.')}: " if text else ""
