"""`backchannel scan`: from any capture to an answer."""

import gc
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from backchannel.catalogue.index import Index
from backchannel.catalogue.model import Severity
from backchannel.cli import folders, outputs, targets
from backchannel.cli.checks import Checks
from backchannel.detect.model import SEVERITIES
from backchannel.engine.observation import Observation
from backchannel.errors import UsageError
from backchannel.packs import layout
from backchannel.pipeline import Scan
from backchannel.privacy import Disclosure
from backchannel.report import matrix as threats
from backchannel.report.document import Document

if TYPE_CHECKING:
    from backchannel.report.pseudonyms import Pseudonyms

FOUND = 1
DAMAGED = 3
GARBAGE = 50_000
"""Objects after which Python looks for cycles: a scan makes millions and next to none in cycles, so
that the usual 700 cost a fifth of the time."""
Put = Callable[[Observation], object]


OrStandardOutput = Annotated[Path | None, Parameter(allow_leading_hyphen=True)]


def scan(
    *paths: Annotated[str, Parameter(allow_leading_hyphen=True)],
    json: bool = False,
    eve: OrStandardOutput = None,
    events: OrStandardOutput = None,
    flows: Path | None = None,
    report: Path | None = None,
    report_title: str = "",
    matrix: Path | None = None,
    stix: OrStandardOutput = None,
    ecs: OrStandardOutput = None,
    cef: OrStandardOutput = None,
    syslog: OrStandardOutput = None,
    extract: Path | None = None,
    secrets: bool = False,
    content: bool = False,
    all_protocols: Annotated[bool, Parameter(name="--all")] = False,
    fail_on: Severity | None = None,
    suppress: Path | None = None,
    rules: tuple[Path, ...] = (),
    checks: Annotated[Checks, Parameter(name="*")] = Checks(),  # noqa: B008 - frozen
    pseudonymise: str | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
) -> int:
    """Find and decode the back channels in captures.

    Exit code 0: done; 1: a finding reached --fail-on; 3: a capture was damaged, the rest was done.

    Parameters
    ----------
    paths
        Captures: pcap or pcapng, also .gz and .zst; folders; globs; `-` for standard input.
    json
        Print one JSON document on standard output instead of the summary.
    eve
        Write EVE JSON lines, as Suricata's collectors read them; `-` for standard output.
    events
        Write our own typed events as JSON lines; `-` for standard output.
    flows
        Write every flow as a row of a Parquet file.
    report
        Write a self-contained HTML report.
    report_title
        The report's heading, such as the name of the site or the client.
    matrix
        Write the threat matrix, services by risks, as CSV.
    stix
        Write the findings as a STIX 2.1 bundle; `-` for standard output, as for the next three.
    ecs
        Write events and then findings as JSON lines in the Elastic Common Schema.
    cef
        Write the findings as CEF lines.
    syslog
        Write the findings as syslog lines (RFC 5424).
    extract
        Write transferred files into this folder, named by SHA-256, with a manifest.
    secrets
        Show passwords, hashes and tokens instead of redacting them.
    content
        Show the text of messages and profiles instead of redacting it.
    all_protocols
        Decode DNS, TLS and plain web traffic too, not only where it concerns a known service.
    fail_on
        End with exit code 1 when there is a finding of this severity or worse.
    suppress
        Do not show findings that this file accepts (with reason and end); their number is shown.
    rules
        Folders with rules of your own, beside ours.
    checks
        What to look closer at; each of its fields is an option.
    pseudonymise
        Replace addresses, accounts, hosts and file names by pseudonyms made with this key
        (12 characters or more, or `@FILE`): the same in every output and run.
    quiet
        Print no summary.
    """
    if not paths:
        raise UsageError("no capture given; name a file, a folder, a glob, or - for standard input")
    if unknown := [path for path in paths if path.startswith("-") and path != "-"]:
        raise UsageError(f"unknown option {unknown[0]}; {_meant(unknown[0])}")
    gc.set_threshold(GARBAGE)
    once = {"report": report, "matrix": matrix, "stix": stix, "cef": cef, "syslog": syslog}
    lines = {"events": events, "eve": eve, "ecs": ecs}
    if report_title and report is None:
        raise UsageError("--report-title is for --report; give both")
    targets.check({**once, **lines, "flows": flows}, extract, paths, json=json)
    pseudonyms = _pseudonyms(pseudonymise, originals=bool(secrets or content or extract or flows))
    disclosure = Disclosure(secrets=secrets, content=content)
    with ExitStack() as stack:
        progress = None if quiet else _progress(stack)
        run = Scan(
            *paths,
            disclosure=disclosure,
            extract=extract,
            everything=all_protocols,
            collect_flows=flows is not None,
            progress=progress,
            rule_folders=(*folders.pack_rules(), *rules),
            index=layout.indexed(layout.active(folders.packs())),
            followers=tuple(checks.followers(extract)),
            pseudonyms=pseudonyms,
        )
        write = _writers(stack, disclosure, **lines)
        if write:
            for seen in run:
                for put in write:
                    put(seen)
        document = run.document
    if suppress is not None:
        document = _suppressed(run, document, suppress)
    if flows is not None:
        from backchannel.flows.table import write_parquet  # noqa: PLC0415 - Arrow loads slowly

        write_parquet(run.flows(), flows)
    outputs.write(document, run.index, once, report_title)
    if ecs is not None:
        outputs.append_alerts(document, ecs)
    if json:
        sys.stdout.buffer.write(msgspec.json.encode(document) + b"\n")
    elif not quiet and Path("-") not in (eve, events, ecs, *once.values()):
        _show(document, run.index, (*once.values(), extract, flows, eve, events, ecs))
    return _code(document, fail_on)


def _meant(option: str) -> str:
    """Return what to do about an option that is not known."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for who needs it

    known = [
        f"--{name.replace('_', '-')}" for name in (*scan.__annotations__, *Checks.__annotations__)
    ]
    close = get_close_matches(option.partition("=")[0], known, 1)
    return f"did you mean {close[0]}?" if close else "see backchannel scan --help"


def _pseudonyms(key: str | None, *, originals: bool) -> "Pseudonyms | None":
    """Return what renames everything, where that is asked for."""
    if key is None:
        return None
    if originals:
        raise UsageError("--pseudonymise goes with none of --secrets --content --extract --flows")
    from backchannel.report.pseudonyms import from_option  # noqa: PLC0415 - only where asked

    return from_option(key)


def _show(document: Document, index: Index, written: Iterable[Path | None]) -> None:
    """Print the summary, and which files were written."""
    from backchannel.report.terminal import render, show  # noqa: PLC0415 - only where asked

    show(render(document, index))
    told = [path for path in written if path is not None]
    for path in told:
        print(f"written: {path}", file=sys.stderr)
    if not told and document.services and sys.stdout.isatty():
        print("the whole, to read and to hand over: add --report report.html", file=sys.stderr)


def _code(document: Document, fail_on: Severity | None) -> int:
    """Say on standard error what was damaged, and return the exit code."""
    damaged = [entry for entry in document.inputs if entry.damage]
    for entry in damaged:
        print(f"backchannel: {entry.path}: {entry.damage}", file=sys.stderr)
    if damaged:
        return DAMAGED
    worst = SEVERITIES.index(fail_on) if fail_on else len(SEVERITIES)
    reached = any(SEVERITIES.index(each.severity) >= worst for each in document.findings)
    return FOUND if reached else 0


def _suppressed(run: Scan, document: Document, path: Path) -> Document:
    """Return the document without the findings that the file accepts, and say how many."""
    from backchannel.detect import suppress as suppressions  # noqa: PLC0415 - only where asked

    today = datetime.now(tz=UTC).date()
    entries = suppressions.read(path)
    kept, hidden, expired = suppressions.apply(document.findings, entries, today)
    for entry in expired:
        print(f"backchannel: {path}: expired on {entry.until}: {entry.reason}", file=sys.stderr)
    document = msgspec.structs.replace(document, findings=kept, suppressed=hidden)
    cells = threats.build(document, run.index, run.assessed, before=document.matrix)
    return msgspec.structs.replace(document, matrix=cells)


def _writers(stack: ExitStack, disclosure: Disclosure, **paths: Path | None) -> list[Put]:
    """Return one function for each output of lines that was asked for."""

    def put(path: Path, module: str) -> Put:
        line, file = import_module(_LINES[module]).line, _open(stack, path)
        return lambda seen: file.write(line(seen, disclosure))

    return [put(path, name) for name, path in paths.items() if path is not None]


_LINES = {
    "events": "backchannel.report.jsonlines",
    "eve": "backchannel.report.eve",
    "ecs": "backchannel.report.exports.ecs",
}
"""Modules with a `line` for each observation; imported only where asked."""


def _open(stack: ExitStack, path: Path) -> IO[bytes]:
    if path == Path("-"):
        return sys.stdout.buffer
    path.parent.mkdir(parents=True, exist_ok=True)
    return stack.enter_context(path.open("wb"))


def _progress(stack: ExitStack) -> Callable[[int, int], None] | None:
    """Return a progress display for a terminal; it appears after a second of work."""
    if not sys.stderr.isatty():
        return None
    began, bar = time.monotonic(), None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            if time.monotonic() - began < 1:
                return
            bar = stack.enter_context(_Bar())
        bar.show(done, total)

    return show


class _Bar:
    """A progress bar with the rate, on standard error, gone when the work is done."""

    def __enter__(self) -> "_Bar":
        from rich import console, progress  # noqa: PLC0415 - only on a terminal

        self._bar = progress.Progress(
            progress.TextColumn("reading"),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=console.Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task("reading", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total or None)
