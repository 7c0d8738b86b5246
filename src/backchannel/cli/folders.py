"""Where a user's own things are: the XDG base directories."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backchannel.catalogue.model import Service


def configuration() -> Path:
    """Return the folder with what the user has written."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "backchannel"


def packs() -> Path:
    """Return the folder of the installed packs."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    return home / "backchannel/packs"


def keys() -> list[Path]:
    """Return the public keys that the user trusts."""
    return sorted(path for path in (configuration() / "keys").glob("*") if path.is_file())


def pack_rules() -> list[Path]:
    """Return the folders of rules of the packs in use."""
    from backchannel.packs import layout  # noqa: PLC0415 - not for a command's help

    return _parts(layout.RULES)


def pack_services() -> list[Path]:
    """Return the folders of services of the packs in use."""
    from backchannel.packs import layout  # noqa: PLC0415 - not for a command's help

    return _parts(layout.SERVICES)


def services() -> list[Path]:
    """Return the user's own folder of service files, where there is one."""
    folder = configuration() / "services"
    return [folder] if folder.is_dir() else []


def catalogue(own: Iterable[Path] = ()) -> "dict[str, Service]":
    """Return all services by id: ours, those of packs, the user's, and those in folders of their
    *own*. Raises CatalogueError.
    """
    from backchannel import protocols  # noqa: PLC0415 - not for a command's help
    from backchannel.catalogue.load import load  # noqa: PLC0415 - as above

    return load(*pack_services(), *services(), *own, protocols=protocols.load())


def _parts(part: str) -> list[Path]:
    from backchannel.packs import layout  # noqa: PLC0415 - as above

    return [folder / part for folder in layout.active(packs()) if (folder / part).is_dir()]
