"""The steps of a scan, as the command line asks for them."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from backchannel.catalogue.index import Index
from backchannel.cli import DAMAGED, FOUND, folders, outputs, progress, streams
from backchannel.detect.follow import Follower
from backchannel.detect.model import SEVERITIES
from backchannel.engine.observation import Observation
from backchannel.errors import UsageError
from backchannel.flows.settings import FlowSettings
from backchannel.grades import Severity
from backchannel.packs import layout
from backchannel.pipeline import Scan
from backchannel.privacy import Disclosure
from backchannel.report import matrix as threats
from backchannel.report.document import Document

if TYPE_CHECKING:
    from backchannel.report.pseudonyms import Pseudonyms

Put = Callable[[Sequence[Observation]], object]


def run(
    paths: Sequence[str],
    lines: Mapping[str, Path | None],
    *,
    secrets: bool,
    content: bool,
    extract: Path | None,
    everything: bool,
    vlans: bool,
    flows: Path | None,
    rules: Iterable[Path],
    followers: Iterable[Follower],
    key: str | None,
    quiet: bool,
    summarise: bool,
) -> Scan:
    """Read all captures, and write what is written on the way: *lines* by name, and *flows*.

    The others are the options of `scan`; *key* is the one of pseudonyms. *summarise*: whether more
    of the document is asked for than its inputs.
    """
    pseudonyms = _pseudonyms(key, originals=bool(secrets or content or extract or flows))
    disclosure = Disclosure(secrets=secrets, content=content)
    with ExitStack() as stack:
        made = Scan(
            *paths,
            disclosure=disclosure,
            extract=extract,
            everything=everything,
            settings=FlowSettings(vlans=vlans),
            collect_flows=flows is not None,
            progress=None if quiet else progress.display(stack),
            rule_folders=(*folders.pack_rules(), *rules),
            index=layout.indexed(layout.active(folders.packs())),
            followers=tuple(followers),
            pseudonyms=pseudonyms,
            summarise=summarise,
        )
        stack.callback(made.close)  # where it is interrupted, or a disk is full
        if write := _writers(stack, disclosure, **lines):
            for batch in made.batches():
                for put in write:
                    put(batch)
        _ = made.document  # which reads what was not read yet
    if flows is not None:
        from backchannel.flows.table import write_parquet  # noqa: PLC0415 - Arrow loads slowly

        with outputs.named(flows):
            write_parquet(made.flows(), flows)
    return made


def _pseudonyms(key: str | None, *, originals: bool) -> "Pseudonyms | None":
    """Return what renames everything, where that is asked for."""
    if key is None:
        return None
    if originals:
        raise UsageError(
            "--pseudonymise cannot be combined with --secrets, --content, --extract or --flows"
        )
    from backchannel.report.pseudonyms import from_option  # noqa: PLC0415 - only where asked

    return from_option(key)


def show(document: Document, index: Index, written: Iterable[Path | None]) -> None:
    """Print the summary, and which files were written."""
    from backchannel.report.console import show  # noqa: PLC0415 - only where asked
    from backchannel.report.terminal import render  # noqa: PLC0415 - only where asked

    show(render(document, index))
    told = [path for path in written if path is not None]
    for path in told:
        print(f"written: {path}", file=sys.stderr)
    if not told and document.services and sys.stdout.isatty():
        print(
            "for the full report, to read and to hand over: add --report report.html",
            file=sys.stderr,
        )


def code(document: Document, fail_on: Severity | None) -> int:
    """Say on standard error what was damaged, and return the exit code."""
    if streams.complain_of_damage(document.inputs):
        return DAMAGED
    worst = SEVERITIES.index(fail_on) if fail_on else len(SEVERITIES)
    reached = any(SEVERITIES.index(each.severity) >= worst for each in document.findings)
    return FOUND if reached else 0


def suppressed(run: Scan, document: Document, path: Path) -> Document:
    """Return the document without the findings that the file accepts, and say how many."""
    from backchannel.detect import suppress as suppressions  # noqa: PLC0415 - only where asked

    today = datetime.now(tz=UTC).date()
    entries = suppressions.read(path)
    kept, hidden = suppressions.apply(document.findings, entries, today)
    for text in suppressions.idle(entries, run.rules, today):
        streams.complain(f"{path}: {text}")
    document = msgspec.structs.replace(document, findings=kept, suppressed=hidden)
    cells = threats.build(document, run.index, run.assessed, before=document.matrix)
    return msgspec.structs.replace(document, matrix=cells)


def _writers(stack: ExitStack, disclosure: Disclosure, **paths: Path | None) -> list[Put]:
    """Return one function for each output of lines that was asked for."""

    def put(path: Path, module: str) -> Put:
        lines, file = import_module(LINES[module]).lines, outputs.Lines(path)
        stack.callback(file.close)
        return lambda batch: file.write(lines(batch, disclosure))

    return [put(path, name) for name, path in paths.items() if path is not None]


LINES = {
    "events": "backchannel.report.jsonlines",
    "eve": "backchannel.report.eve",
    "ecs": "backchannel.report.exports.ecs",
}
"""Modules with `lines` of observations; imported only where asked."""
WITH_ALERTS = ("eve", "ecs")
"""Those that tell findings too, in `alert_line`."""
