"""How packs lie on disk, and reading those in use: all that a scan needs of packs.

packs/NAME/VERSION/catalogue/services/*.yaml, detect/rules/*.yaml
packs/NAME/VERSION/index.json       the services' part that a scan needs, made when installed
packs/NAME/active -> VERSION        the version in use
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from backchannel.catalogue import index
from backchannel.errors import InputError

ACTIVE, INDEX = "active", "index.json"
SERVICES, RULES = "catalogue/services", "detect/rules"
_T = TypeVar("_T")


def active(root: Path) -> list[Path]:
    """Return the folders of the packs in use, by name."""
    links = sorted(root.glob(f"*/{ACTIVE}"))
    return [folder for link in links if (folder := link.resolve()).is_dir()]


def indexed(folders: Sequence[Path]) -> index.Index:
    """Return our index with the services of *folders*, later ones winning. Raises InputError."""
    if not folders:
        return index.load()
    services = dict(index.load().services)
    for folder in folders:
        services |= decoded(folder / INDEX, index.Index).services
    return index.Index(services=dict(sorted(services.items())))


def decoded(path: Path, kind: type[_T]) -> _T:
    """Read a file that installing made. Raises InputError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(path, f"{error}; install the pack again, or --rollback it") from error
