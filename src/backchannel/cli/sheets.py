"""Service sheets: listed, shown, printed as a handbook, and laid beside a capture."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from backchannel.catalogue import observed
from backchannel.catalogue.model import Service
from backchannel.catalogue.page import Page, page
from backchannel.cli import folders
from backchannel.cli.services import Form
from backchannel.cli.streams import put_json
from backchannel.errors import UsageError
from backchannel.suggest import suggest


def run(
    name: str,
    form: Form,
    *,
    handbook: Path | None,
    diff: Sequence[Path],
    inside: Sequence[str],
    own: Sequence[Path],
) -> None:
    """Do what the options of `services` ask for. Raises UsageError and InputError."""
    known = folders.catalogue(own)
    if name and name not in known:
        raise UsageError(f"no service {name!r} in the catalogue; {suggest(name, known)}")
    if handbook is not None:
        _handbook(known, handbook)
    elif diff:
        _compare(known, name, diff, inside, form)
    elif name:
        _show(known[name], form)
    else:
        _list(known, as_json=form == "json")


def _handbook(known: dict[str, Service], folder: Path) -> None:
    from backchannel.catalogue import render  # noqa: PLC0415 - only where asked

    written = render.handbook([page(service) for service in known.values()], folder)
    print(f"written: {written[0]} and {len(written) - 1} sheets", file=sys.stderr)


def _list(known: dict[str, Service], *, as_json: bool) -> None:
    if as_json:
        put_json(known)
        return
    from backchannel.report.console import show  # noqa: PLC0415 - only where shown
    from backchannel.report.listing import Listing  # noqa: PLC0415 - only where shown

    listing = Listing("", ("id", "name", "kind", "state", "decoded as", "risks"), ("risks",))
    for service in known.values():
        listing.add(
            service.id,
            service.name,
            service.kind,
            service.status.state,
            ", ".join(service.protocols),
            str(len(service.risks)),
        )
    show(listing)


def _show(service: Service, form: Form) -> None:
    if form == "json":
        put_json(service)
    else:
        _print([page(service)], form)


def _print(pages: list[Page], form: Form) -> None:
    from backchannel.catalogue import render  # noqa: PLC0415 - only where shown

    if form == "text":
        from backchannel.report.console import console, show  # noqa: PLC0415 - only where shown

        width = console().width
        for each in pages:
            show(render.terminal(each, width))
    else:
        make = render.markdown if form == "md" else render.html
        print("\n".join(make(each) for each in pages))


def _compare(
    known: dict[str, Service],
    name: str,
    paths: Iterable[Path],
    prefixes: Iterable[str],
    form: Form,
) -> None:
    try:
        inside = observed.networks(prefixes) or observed.PRIVATE
    except ValueError as error:
        raise UsageError(f"--inside: {error}") from error
    seen = _flows(paths)
    wanted = [name] if name else [service for service in known if service in seen]
    if not wanted:
        raise UsageError("no service of the catalogue was found in the capture")
    tables = {
        service: observed.compare(seen.get(service, ()), known[service].filtering, inside)
        for service in wanted
    }
    if form == "json":
        put_json(tables)
        return
    _print(
        [observed.page(service, known[service].name, rows) for service, rows in tables.items()],
        form,
    )


def _flows(paths: Iterable[Path]) -> dict[str, list[observed.Flow]]:
    """Return the flows that a scan claims for each service, with the abilities they show.

    Names alone make no flow a service's: looking a host up is not talking to it.
    """
    from backchannel.model import Capability, Confidence  # noqa: PLC0415 - only where asked
    from backchannel.pipeline import Scan  # noqa: PLC0415 - only where asked

    found = dict[tuple[str, int, str], observed.Flow]()
    used = dict[tuple[str, int, str], set[Capability]]()
    for seen in Scan(*paths, summarise=False):
        if seen.confidence < Confidence.EXPECTED:
            continue
        carrier = seen.stack.rpartition("/")[0] if seen.target is not None else ""
        key = seen.service, seen.flow.serial, carrier
        capability = seen.event.capability
        if capability is not None:
            used.setdefault(key, set()).add(capability)
        if key not in found:
            plain = seen.flow.transport != "ip"
            found[key] = observed.Flow(
                transport=seen.flow.transport if plain else seen.protocol,
                client=seen.flow.client,
                server=seen.flow.server,
                begun=seen.flow.begun,
                carrier=carrier,
            )
    flows = dict[str, list[observed.Flow]]()
    for key, flow in found.items():
        abilities = frozenset(used.get(key, ()))
        flows.setdefault(key[0], []).append(msgspec.structs.replace(flow, capabilities=abilities))
    return flows
