"""`backchannel host record` and `host flows`: the work behind their options."""

import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from backchannel.catalogue import index
from backchannel.cli import progress
from backchannel.cli.outputs import named
from backchannel.cli.private import opened
from backchannel.cli.streams import complain, put_json
from backchannel.cli.targets import STDOUT
from backchannel.errors import InputError, PrivilegeError, UsageError, in_one_line, reason
from backchannel.host import ledger
from backchannel.host.join import Flow, Joined, join

if TYPE_CHECKING:
    import pyarrow as pa

    from backchannel.host.recorder import Recorder

DAMAGED = 3
ENOUGH = 1 << 62
"""Seconds that never pass."""


def record(path: Path, *, duration: str | None, interval: float, here: bool, quiet: bool) -> int:
    """Record until told to stop. Raises UsageError and PrivilegeError."""
    from backchannel.host.recorder import Recorder  # noqa: PLC0415 - only where asked
    from backchannel.live.units import Duration  # noqa: PLC0415 - only where asked

    if not 0.01 <= interval <= 60:
        raise UsageError(f"--interval {interval}: between 0.01 and 60 seconds")
    try:
        seconds = float(Duration.read(duration)) if duration is not None else ENOUGH
    except ValueError as error:
        raise UsageError(f"--duration {duration}: {error}; for example 90s or 8h") from None
    with ExitStack() as stack:
        file = opened(path, stack, unfit=_unfit)  # it tells who talks to whom
        encoder = msgspec.json.Encoder()

        def put(lines: Iterable[ledger.Line]) -> None:
            text = b"".join(encoder.encode(line) + b"\n" for line in lines)
            if text:
                with named(path):
                    file.write(text)
                    file.flush()

        try:
            recorder = Recorder(put, interval, here=here)
        except OSError as error:
            raise PrivilegeError(f"the kernel tells nothing of sockets: {reason(error)}") from error
        if not quiet:
            _begin(path, openings=recorder.sees_openings)
        _run(recorder, seconds)
        recorder.close()
    if not quiet:
        told = recorder.counts
        held, missed = told.get("held", 0), told.get("missed", 0)
        print(f"{held:,} sockets; {missed:,} more were gone too soon", file=sys.stderr)
    return 0


def _begin(path: Path, *, openings: bool) -> None:
    where = "" if path == STDOUT else f" into {in_one_line(path)}"
    print(f"recording{where}; Ctrl-C ends it", file=sys.stderr)
    if not openings:
        complain(
            "without CAP_NET_RAW connections that open are not seen at once: short ones are missed"
        )


def _run(recorder: "Recorder", seconds: float) -> None:
    """Let it record until SIGTERM, Ctrl-C, or the end of the time."""
    asked = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: recorder.stop()) for number in asked]
    try:
        recorder.run(time.monotonic() + seconds)
    finally:
        for number, handler in zip(asked, before, strict=True):
            signal.signal(number, handler)


def _unfit(path: Path) -> str:
    return "" if ledger.is_record(path) else "is something else than a record"


def flows(
    paths: Sequence[str | Path],
    *,
    recorded: Path | None,
    as_json: bool,
    everything: bool,
) -> int:
    """Join flows with the sockets of a record, or with those of the moment; return the exit code.

    Raises UsageError and InputError.
    """
    if not paths:
        raise UsageError("nothing to join: name a capture, or the Parquet file of `scan --flows`")
    if recorded is not None:
        known = ledger.read(recorded)
    else:
        from backchannel.host.moment import moment  # noqa: PLC0415 - only where asked

        known = ledger.Ledger(moment())
    found, damage = _flows(paths)
    joined = join(found, known, str(recorded or ""), everything=everything)
    if recorded is not None and known.finished is None:
        complain(f"{in_one_line(recorded)}: was broken off; sockets count as held to its last line")
    if as_json:
        put_json(joined)
    else:
        _show(joined)
    for text in damage:
        complain(text)
    return DAMAGED if damage else 0


def _show(joined: Joined) -> None:
    from backchannel.host.show_flows import render  # noqa: PLC0415 - only where shown
    from backchannel.report.console import show  # noqa: PLC0415 - only where shown

    show(render(joined, index.load()))


def _flows(paths: Sequence[str | Path]) -> tuple[list[Flow], list[str]]:
    """Return the flows of captures and of Parquet files, and what was damaged."""
    tables = [Path(path) for path in paths if str(path).endswith(".parquet")]
    captures = [path for path in paths if not str(path).endswith(".parquet")]
    found, damage = [flow for path in tables for flow in _rows(_parquet(path))], list[str]()
    if captures:
        from backchannel.pipeline import Scan  # noqa: PLC0415 - only where asked

        with ExitStack() as stack:
            run = Scan(
                *captures, collect_flows=True, summarise=False, progress=progress.display(stack)
            )
            stack.callback(run.close)
            table = run.flows()
        found += _rows(table)
        damage = [
            f"{in_one_line(each.path)}: {each.damage}"
            for each in run.document.inputs
            if each.damage
        ]
    return found, damage


def _parquet(path: Path) -> "pa.Table":
    import pyarrow as arrow  # noqa: PLC0415 - Arrow takes long to import
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    from backchannel.flows.table import SCHEMA  # noqa: PLC0415 - as above

    try:
        return pq.read_table(path, columns=SCHEMA.names).cast(SCHEMA)
    except (arrow.ArrowException, OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise InputError(path, f"is no table of `scan --flows`: {first}") from error


def _rows(table: "pa.Table") -> Iterator[Flow]:
    import pyarrow as arrow  # noqa: PLC0415 - Arrow takes long to import

    from backchannel.when import rfc3339  # noqa: PLC0415 - only where asked

    for name in ("first_time", "last_time"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(name).cast(arrow.int64()))
    for row in table.to_pylist():
        yield Flow(
            community_id=row["community_id"],
            transport=row["transport"],
            client=row["client_address"],
            client_port=row["client_port"],
            server=row["server_address"],
            server_port=row["server_port"],
            first_seen=rfc3339(row["first_time"]),
            last_seen=rfc3339(row["last_time"]),
            begin=row["first_time"],
            end=row["last_time"],
            service=row["service"],
            stack=row["stack"],
            confidence=row["confidence"],
            bytes=row["client_bytes"] + row["server_bytes"],
        )
