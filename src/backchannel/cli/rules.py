"""`backchannel rules`: what is looked for, and the same as Sigma rules."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from backchannel.cli import options
from backchannel.errors import UsageError
from backchannel.suggest import suggest

if TYPE_CHECKING:
    from backchannel.detect.model import Rule


def rules(*names: str, sigma: options.Folder = None) -> int:
    """List the detection rules, or show one in full.

    Rules of content packs are among them. They can be written as Sigma rules, too.

    Parameters
    ----------
    names
        Folders with your own rules, and names of rules to show or write on their own.
    sigma
        Write one Sigma rule per file into this folder.
    """
    from backchannel.cli import folders as kept  # noqa: PLC0415 - not for the help
    from backchannel.detect import rules as ours  # noqa: PLC0415 - not for the help

    folders = [Path(name) for name in names if "/" in name or Path(name).is_dir()]
    known = ours.load(*kept.pack_rules(), *folders)
    wanted = [name for name in names if Path(name) not in folders]
    for name in wanted:
        if name not in known:
            raise UsageError(f"no rule and no folder {name!r}: {suggest(name, known)}")
    if wanted:
        known = {name: known[name] for name in wanted}
    if sigma is None:
        _sheets(known) if wanted else _list(known)
        return 0
    import msgspec  # noqa: PLC0415 - only where asked

    from backchannel.report.exports.sigma import rule  # noqa: PLC0415 - only where asked
    from backchannel.report.words import count  # noqa: PLC0415 - only where asked

    sigma.mkdir(parents=True, exist_ok=True)
    for each in known.values():
        path = sigma / f"backchannel_{each.id.replace('-', '_')}.yml"
        path.write_bytes(msgspec.yaml.encode(rule(each)))
    print(f"written: {count(len(known), 'rule')} into {sigma}", file=sys.stderr)
    return 0


def _sheets(known: "dict[str, Rule]") -> None:
    from rich.table import Table  # noqa: PLC0415 - only where shown
    from rich.text import Text  # noqa: PLC0415 - only where shown

    from backchannel.report.console import show  # noqa: PLC0415 - only where shown

    for number, each in enumerate(known.values()):
        count = each.count
        least = f"{count.at_least} times" if count else ""
        within = f" within {count.within} seconds" if count and count.within else ""
        told = {
            "severity": each.severity,
            "category": each.category,
            "ATT&CK": ", ".join(each.attack),
            "looks at": ", ".join(each.events),
            "when": each.when,
            "at least": least + within,
            "one for each": ", ".join(each.each),
            "why": each.rationale,
            "may be wrong": each.false_positives,
            "is wrong if": each.disproof,
            "what to do": each.countermeasure,
            "references": ", ".join(each.references),
        }
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for word, text in told.items():
            if text:
                table.add_row(word, Text(text))
        show(Text(f"{chr(10) * bool(number)}{each.id}  {each.title}", style="bold"))
        show(table)


def _list(known: "dict[str, Rule]") -> None:
    from backchannel.report.console import show  # noqa: PLC0415 - only where shown
    from backchannel.report.listing import Listing  # noqa: PLC0415 - only where shown

    listing = Listing("", ("rule", "severity", "what", "category", "ATT&CK"), lead=3)
    for each in known.values():
        listing.add(each.id, each.severity, each.title, each.category, ", ".join(each.attack))
    show(listing)
