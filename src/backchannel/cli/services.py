"""`backchannel services`: what the catalogue knows."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from backchannel.catalogue.load import load
from backchannel.catalogue.model import Service
from backchannel.catalogue.page import page
from backchannel.errors import UsageError


def services(
    name: str = "",
    *,
    format: Annotated[  # noqa: A002 - the word people type
        Literal["text", "md", "html", "json"], Parameter(name="--format")
    ] = "text",
    handbook: Path | None = None,
    catalogue: tuple[Path, ...] = (),
) -> int:
    """List the services that the catalogue knows, or show one.

    Parameters
    ----------
    name
        A service's id, such as `icq`; without it all are listed.
    format
        How to show it.
    handbook
        Write the whole catalogue as HTML pages into this folder.
    catalogue
        Folders with service files of your own, which win over ours; `services` in your
        configuration folder is always read.
    """
    known = load(*user_folders(), *catalogue)
    if handbook is not None:
        from backchannel.catalogue import render  # noqa: PLC0415 - only where asked

        written = render.handbook([page(service) for service in known.values()], handbook)
        print(f"written: {written[0]} and {len(written) - 1} sheets", file=sys.stderr)
        return 0
    if not name:
        _list(known, as_json=format == "json")
        return 0
    if name not in known:
        near = [each for each in known if name in each or each in name] or list(known)
        raise UsageError(f"no service {name!r} in the catalogue; there is {', '.join(near)}")
    _show(known[name], format)
    return 0


def user_folders() -> list[Path]:
    """Return the user's own folder of service files, where there is one."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    folder = home / "backchannel/services"
    return [folder] if folder.is_dir() else []


def _list(known: dict[str, Service], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(known) + b"\n")
        return
    from rich.table import Table  # noqa: PLC0415 - only where shown

    from backchannel.report.terminal import console  # noqa: PLC0415 - only where shown

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("id", "name", "kind", "state", "decoded as", "risks"):
        table.add_column(column, overflow="fold")
    for service in known.values():
        table.add_row(
            service.id,
            service.name,
            service.kind,
            service.status.state,
            ", ".join(service.protocols),
            str(len(service.risks)),
        )
    console().print(table)


def _show(service: Service, form: str) -> None:
    if form == "json":
        sys.stdout.buffer.write(msgspec.json.encode(service) + b"\n")
        return
    from backchannel.catalogue import render  # noqa: PLC0415 - only where shown

    if form == "text":
        from backchannel.report.terminal import console  # noqa: PLC0415 - only where shown

        console().print(render.terminal(page(service)))
    else:
        print(render.markdown(page(service)) if form == "md" else render.html(page(service)))
