"""Content packs on this machine: listed, installed, taken back, and made."""

import sys
from pathlib import Path

from backchannel.cli import folders
from backchannel.errors import UsageError
from backchannel.packs.changes import changes
from backchannel.packs.pack import seal, verified
from backchannel.packs.store import Store, check
from backchannel.text import escape

_SIGNS = {"added": "+", "changed": "~", "removed": "-"}


def show() -> None:
    """List the packs that are installed."""
    found = Store(folders.packs()).receipts()
    if not found:
        print("no pack is installed")
    for receipt, used in found:
        words = (receipt.name, receipt.version, receipt.date, f"key {receipt.key}")
        print(*words, "in use" if used else "", sep="  ")


def roll_back(name: str) -> None:
    """Put the version of a pack in use that the present one replaced. Raises UsageError."""
    before = Store(folders.packs()).rollback(name)
    print(f"{name}: {before or 'no version'} is in use now")


def make(folder: Path, out: Path, key: Path) -> None:
    """Make a signed pack. Raises UsageError and InputError."""
    check(folder)
    made = seal(folder, out, key)
    print(f"written: {out}: {made.about.name} {made.about.version}", file=sys.stderr)


def install(file: Path, key: Path | None, *, yes: bool) -> None:
    """Verify a pack, show what it changes, and put it in use. Raises UsageError and InputError."""
    store = Store(folders.packs())
    new = verified(file, [*([key] if key else []), *folders.keys()])
    about = new.about
    print(f"{about.name} {about.version} of {about.date}, signed by key {new.key}")
    if about.note:
        print(escape(about.note))
    found = changes(new, store.current(about.name))
    for change in found:
        print(f"  {_SIGNS[change.how]} {change.kind} {change.id} {change.how}")
    if not found:
        print("  nothing changes")
    if not yes and not _agreed():
        raise UsageError("nothing was installed; answer y, or give --yes")
    place = store.install(new)
    print(f"installed: {place}")


def _agreed() -> bool:
    """Ask a person; without a terminal nobody agrees."""
    if not sys.stdin.isatty():
        return False
    return input("Install it? [y/N] ").strip().lower() in ("y", "yes")
