"""Reads service files. All errors at once, each with file, line and what is wrong.

A file does not load when a fact has no source, names one that is not listed, lists one that
nothing uses, names a decoder that we do not have, or counters a risk that it does not list.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from backchannel.catalogue.model import Service
from backchannel.errors import InputError
from backchannel.yamlfile import Where, YamlFile

HERE = Path(__file__).parent / "services"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


class CatalogueError(InputError):
    """One or more service files cannot be used; the text has a line for each error."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("catalogue", "\n".join(("cannot be used:", *errors)))
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
        file = YamlFile(path)
    except InputError as error:
        errors.append(str(error))
        return None
    service = file.convert(Service)
    if service is not None:
        if service.id != path.stem or not _ID.match(service.id):
            file.complain(("id",), f"{service.id!r} must be the file's name, in lower case")
        _check(service, file.data, protocols, file.complain)
    errors += file.errors
    return None if file.errors else service


Complain = Callable[[Where, str], None]


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
    for name, source in service.sources.items():
        if source.copy_of and source.copy_of not in service.sources:
            complain(("sources", name), f"copies {source.copy_of!r}, which is not under `sources`")
    _check_parts(service, protocols, complain)


def _check_parts(service: Service, protocols: frozenset[str], complain: Complain) -> None:
    """Report programs without a name, and references to decoders, risks or blocks of addresses that
    do not exist.
    """
    for place, name in enumerate(service.protocols):
        if protocols and name not in protocols:
            complain(("protocols", place), f"there is no decoder {name!r}")
    for place, network in enumerate(service.networks):
        try:
            ip_network(network.prefix)
        except ValueError as error:
            complain(("networks", place), str(error))
    for place, program in enumerate(service.programs):
        if not program.files and not program.packages:
            complain(("programs", place), "names neither a file nor a package")
    risks = {risk.id for risk in service.risks}
    for place, measure in enumerate(service.countermeasures):
        for risk in measure.against:
            if risk not in risks:
                complain(("countermeasures", place), f"counters {risk!r}, which is not a risk here")


def _citations(value: Any, where: Where = ()) -> Iterator[tuple[Where, str]]:
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


def _empty_citations(value: Any, where: Where = ()) -> Iterator[tuple[Where, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "sources" and inner == []:
                yield where, "sources: []"
            else:
                yield from _empty_citations(inner, (*where, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _empty_citations(inner, (*where, place))
