"""The work of `backchannel host`, as the command line asks for it."""

from collections.abc import Sequence
from pathlib import Path

from backchannel.catalogue import index
from backchannel.cli import folders
from backchannel.cli.streams import put_json
from backchannel.detect.model import SEVERITIES
from backchannel.errors import UsageError
from backchannel.grades import Severity
from backchannel.suggest import suggest

FOUND = 1


def listed(
    services: Sequence[str],
    *,
    as_json: bool,
    root: Path | None,
    search: Sequence[Path],
    own: Sequence[Path],
    fail_on: Severity | None,
) -> int:
    """Do what `host` asks for, and return the exit code. Raises UsageError and CatalogueError."""
    from backchannel.host import inventory  # noqa: PLC0415 - only where asked

    known = folders.catalogue(own)
    for name in services:
        if name not in known:
            near = suggest(name, [*known, "flows", "record", "learn", "judge", "control"])
            raise UsageError(f"no service {name!r} in the catalogue, and no command; {near}")
    if root is not None and not root.is_dir():
        raise UsageError(f"--root {root}: no such folder")
    tree = str(root.resolve()) if root else "/"
    searched = [str(folder.absolute()) for folder in search]
    for folder in searched:
        if not Path(f"{tree}/{folder}").is_dir():
            raise UsageError(f"--search {folder}: no such folder in {tree}")
    taken = inventory.take(known, tree, only=services, search=searched)
    if as_json:
        put_json(taken)
    else:
        from backchannel.host.show import render  # noqa: PLC0415 - only where shown
        from backchannel.report.console import show  # noqa: PLC0415 - only where shown

        show(render(taken, index.load()))
    worst = SEVERITIES.index(fail_on) if fail_on else len(SEVERITIES)
    return FOUND * any(SEVERITIES.index(each.severity) >= worst for each in taken.findings)
