"""What installing a pack changes: services and rules that come, change or go, by id."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from backchannel.catalogue import load
from backchannel.detect import rules
from backchannel.packs import store
from backchannel.packs.archive import Files
from backchannel.packs.layout import RULES, SERVICES
from backchannel.packs.pack import Pack

_OURS = {SERVICES: load.HERE, RULES: rules.HERE}
_KINDS: dict[str, Literal["service", "rule"]] = {SERVICES: "service", RULES: "rule"}


class Change(msgspec.Struct, frozen=True):
    """One service or rule."""

    kind: Literal["service", "rule"]
    id: str
    how: Literal["added", "changed", "removed"]


def changes(pack: Pack, current: Path | None) -> list[Change]:
    """Compare what is in use now, ours and *current*, with what would be with the pack."""
    ours = {
        f"{place}/{path.name}": path.read_bytes()
        for place, folder in _OURS.items()
        for path in folder.glob("*.yaml")
    }
    before = {**ours, **(store.read(current) if current else {})}
    return list(_changes(before, {**ours, **pack.files}))


def _changes(before: Files, after: Files) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        path = PurePosixPath(name)
        if str(path.parent) not in _KINDS or before.get(name) == after.get(name):
            continue
        how: Literal["added", "changed", "removed"] = "changed"
        if name not in before:
            how = "added"
        elif name not in after:
            how = "removed"
        yield Change(_KINDS[str(path.parent)], path.stem, how)
