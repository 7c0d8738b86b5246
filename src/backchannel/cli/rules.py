"""`backchannel rules`: what is looked for, and the same as Sigma rules."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backchannel.detect.model import Rule


def rules(*folders: Path, sigma: Path | None = None) -> int:
    """List the rules, those of content packs too, or write them as Sigma rules.

    Parameters
    ----------
    folders
        Folders with rules of your own, beside ours.
    sigma
        Write one Sigma rule a file into this folder.
    """
    from backchannel.cli import folders as kept  # noqa: PLC0415 - not for the help
    from backchannel.detect import rules as ours  # noqa: PLC0415 - not for the help

    known = ours.load(*kept.pack_rules(), *folders)
    if sigma is None:
        _list(known)
        return 0
    import msgspec  # noqa: PLC0415 - only where asked

    from backchannel.report.exports.sigma import rule  # noqa: PLC0415 - only where asked

    sigma.mkdir(parents=True, exist_ok=True)
    for each in known.values():
        path = sigma / f"backchannel_{each.id.replace('-', '_')}.yml"
        path.write_bytes(msgspec.yaml.encode(rule(each)))
    print(f"written: {len(known)} rules into {sigma}", file=sys.stderr)
    return 0


def _list(known: "dict[str, Rule]") -> None:
    from rich.table import Table  # noqa: PLC0415 - only where shown

    from backchannel.report.terminal import show  # noqa: PLC0415 - only where shown

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("rule", "severity", "category", "ATT&CK", "what"):
        table.add_column(column, overflow="fold")
    for each in known.values():
        table.add_row(each.id, each.severity, each.category, ", ".join(each.attack), each.title)
    show(table)
