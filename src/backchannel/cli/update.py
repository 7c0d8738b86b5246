"""`backchannel update` and `backchannel pack`: services and rules as signed archives."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from backchannel.cli import folders
from backchannel.errors import UsageError
from backchannel.packs.changes import changes
from backchannel.packs.pack import Pack, seal, verified
from backchannel.packs.shelf import Shelf, check
from backchannel.text import escape

_SIGNS = {"added": "+", "changed": "~", "removed": "-"}


def update(
    file: Path | None = None,
    *,
    key: Path | None = None,
    yes: bool = False,
    rollback: str | None = None,
    list_: Annotated[bool, Parameter(name="--list")] = False,
) -> int:
    """Install a content pack: verify its signature, show what it changes, put it in use.

    Parameters
    ----------
    file
        The pack, a .tar.zst file.
    key
        Trust this public key (PEM, Ed25519) too, for this once; always trusted are those in
        `keys` in your configuration folder.
    yes
        Install without asking.
    rollback
        Put the version of this pack in use that the present one replaced.
    list_
        List the packs that are installed.
    """
    shelf = Shelf(folders.packs())
    if sum((file is not None, rollback is not None, list_)) != 1:
        raise UsageError("give one of: a pack file, --rollback NAME, --list")
    if list_:
        for receipt, used in shelf.receipts():
            words = (receipt.name, receipt.version, receipt.date, f"key {receipt.key}")
            print(*words, "in use" if used else "", sep="  ")
    elif rollback is not None:
        before = shelf.rollback(rollback)
        print(f"{rollback}: {before or 'no version'} is in use now")
    elif file is not None:
        _install(shelf, verified(file, [*([key] if key else []), *folders.keys()]), yes=yes)
    return 0


def pack(folder: Path, out: Path, *, key: Path) -> int:
    """Make a signed content pack.

    Parameters
    ----------
    folder
        Holds pack.toml (name, version, date), catalogue/services/*.yaml and detect/rules/*.yaml.
    out
        The file to write, NAME.tar.zst.
    key
        The private key to sign with (PEM, Ed25519).
    """
    check(folder)
    made = seal(folder, out, key)
    print(f"written: {out}: {made.about.name} {made.about.version}", file=sys.stderr)
    return 0


def _install(shelf: Shelf, new: Pack, *, yes: bool) -> None:
    about = new.about
    print(f"{about.name} {about.version} of {about.date}, signed by key {new.key}")
    if about.note:
        print(escape(about.note))
    found = changes(new, shelf.current(about.name))
    for change in found:
        print(f"  {_SIGNS[change.how]} {change.kind} {change.id} {change.how}")
    if not found:
        print("  nothing changes")
    if not yes and not _agreed():
        raise UsageError("nothing was installed; answer y, or give --yes")
    place = shelf.install(new)
    print(f"installed: {place}")


def _agreed() -> bool:
    """Ask a person; without a terminal nobody agrees."""
    if not sys.stdin.isatty():
        return False
    return input("Install it? [y/N] ").strip().lower() in ("y", "yes")
