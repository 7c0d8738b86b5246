"""Where packs stand: `packs/NAME/VERSION/`, and a link `packs/NAME/active` to the one in use.

A version's folder appears whole, by one rename, after all in it was checked; putting another one
in use is one rename of the link. So a scan beside an update sees the old pack or the new one.
"""

import os
import re
import shutil
import tempfile
from datetime import date
from pathlib import Path

import msgspec

from backchannel import protocols
from backchannel.catalogue import index
from backchannel.catalogue.load import load
from backchannel.detect import rules
from backchannel.detect.detector import Detector
from backchannel.errors import InputError, UsageError
from backchannel.packs import layout
from backchannel.packs.archive import Files
from backchannel.packs.layout import ACTIVE, INDEX, RULES, SERVICES, decoded
from backchannel.packs.pack import About, Pack

RECEIPT = "installed.json"


class Receipt(msgspec.Struct, frozen=True):
    """What is kept of an installed version, beside its files."""

    name: str
    version: str
    date: date
    key: str
    digest: str
    before: str = ""
    """The version that it replaced; empty for none."""


def _order(pack: About | Receipt) -> tuple[date, list[tuple[int, str]]]:
    """Return what puts packs of one name in order: the day, then the version (1.9 before 1.10)."""
    parts = re.findall(r"\d+|\D+", pack.version)
    return pack.date, [(int(part) if part.isdigit() else 0, part) for part in parts]


class Store:
    """The packs of one user."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def active(self) -> list[Path]:
        """Return the folders of the packs in use, by name."""
        return layout.active(self.root)

    def receipts(self) -> list[tuple[Receipt, bool]]:
        """Return every installed version, and whether it is the one in use."""
        used = set(self.active())
        found = sorted(self.root.glob(f"*/*/{RECEIPT}"))
        return [
            (_receipt(path.parent), path.parent.resolve() in used)
            for path in found
            if path.parent.name != ACTIVE
        ]

    def current(self, name: str) -> Path | None:
        """Return the folder of the version in use; None for none."""
        link = self.root / name / ACTIVE
        return link.resolve() if link.exists() else None

    def install(self, pack: Pack) -> Path:
        """Check the content, put it into the store and in use; return its folder.

        Raises InputError for content that does not load, and UsageError where the version is
        there with other content or is older than the one in use.
        """
        about, current = pack.about, self.current(pack.about.name)
        before = _receipt(current) if current else None
        if before is not None and _order(about) < _order(before):
            raise UsageError(
                f"{about.name} {about.version} of {about.date} is older than {before.version} of "
                f"{before.date}, which is in use; see --rollback"
            )
        place = self.root / about.name / about.version
        if place.exists() and _receipt(place).digest != pack.digest:
            raise UsageError(f"{about.name} {about.version} is installed with other content")
        if place.resolve() == current:
            return place
        place.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=self.root, prefix=".new-"))
        try:
            _fill(staged, pack, before.version if before else "")
            if place.exists():  # rolled back before: the receipt alone changes
                (staged / RECEIPT).replace(place / RECEIPT)
            else:
                staged.replace(place)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        self._use(about.name, about.version)
        return place

    def rollback(self, name: str) -> str:
        """Put the version before in use again; return it, empty for none. Raises UsageError."""
        current = self.current(name)
        if current is None:
            raise UsageError(f"no pack {name!r} is in use")
        before = _receipt(current).before
        if before and (self.root / name / before).is_dir():
            self._use(name, before)
            return before
        (self.root / name / ACTIVE).unlink()
        return ""

    def _use(self, name: str, version: str) -> None:
        new = Path(tempfile.mkdtemp(dir=self.root, prefix=".link-"))
        try:
            (new / ACTIVE).symlink_to(version)
            (new / ACTIVE).replace(self.root / name / ACTIVE)
        finally:
            new.rmdir()


def read(folder: Path) -> Files:
    """Return the services and rules in a folder laid out like a pack, by name."""
    paths = [*folder.glob(f"{SERVICES}/*.yaml"), *folder.glob(f"{RULES}/*.yaml")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def check(folder: Path) -> index.Index:
    """Load services and rules of a folder; return the services' index. Raises InputError."""
    places = [place] if (place := folder / SERVICES).is_dir() else []
    services = load(*places, protocols=protocols.load())
    own = {path.stem for path in folder.glob(f"{SERVICES}/*.yaml")}
    try:
        if (folder / RULES).is_dir():
            Detector(rules.read(folder / RULES).values())
    except UsageError as error:
        raise InputError(folder, str(error)) from error
    return index.build({name: service for name, service in services.items() if name in own})


def _fill(folder: Path, pack: Pack, before: str) -> None:
    for name, data in pack.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / INDEX).write_bytes(msgspec.json.encode(check(folder)))
    about = pack.about
    receipt = Receipt(about.name, about.version, about.date, pack.key, pack.digest, before)
    (folder / RECEIPT).write_bytes(msgspec.json.encode(receipt))
    os.chmod(folder, 0o755)  # noqa: PTH101, S103 - made for us alone, but a store may be shared


def _receipt(folder: Path) -> Receipt:
    return decoded(folder / RECEIPT, Receipt)
