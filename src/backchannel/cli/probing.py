"""The steps of a probe, as the command line asks for them."""

import asyncio
import re
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from backchannel.capture.sources import printable
from backchannel.catalogue import load as catalogue
from backchannel.catalogue.index import Index
from backchannel.catalogue.index import load as load_index
from backchannel.cli import outputs, progress, streams, targets
from backchannel.cli.streams import put_json
from backchannel.detect.model import SEVERITIES
from backchannel.errors import UsageError
from backchannel.grades import Severity
from backchannel.model import Endpoint
from backchannel.probe import findings
from backchannel.probe.build import build
from backchannel.probe.document import Probe
from backchannel.probe.exchange import Exchange
from backchannel.probe.judge import Judge
from backchannel.probe.pace import Limits
from backchannel.probe.plan import Work, least_seconds, work
from backchannel.probe.port import Wishes
from backchannel.probe.run import Prober
from backchannel.probe.suggested import Suggested, suggestions
from backchannel.probe.targets import authority
from backchannel.probe.untold import untold
from backchannel.report.document import Document

if TYPE_CHECKING:
    from backchannel.cli.probe import Asking, Writing

FOUND, DAMAGED, INTERRUPTED = 1, 3, 130
FASTEST, FASTEST_HOST = 1000, 100
"""Questions a second, in all and to one host: faster is for other tools."""
STDOUT = Path("-")
_ENDPOINT = re.compile(
    r"(?:\[(?P<six>[0-9a-fA-F:.]{2,45})\]|(?P<host>[A-Za-z0-9._-]{1,253})):(?P<port>[0-9]{1,5})\Z"
)


def run(words: Sequence[str], asking: "Asking", writing: "Writing", *, dry_run: bool) -> int:
    """Do what the options say; return the exit code."""
    _check(asking, writing)
    limits, wishes = _limits(asking), _wishes(asking)
    index, services = load_index(), catalogue.load()
    today = datetime.now(tz=UTC).date()
    seen = suggestions(asking.seen, index, services) if asking.seen else None
    todo = work(
        words,
        excluded=asking.exclude,
        authorised=authority(asking.authorised, today) if asking.authorised else None,
        ports=asking.ports,
        services=asking.services,
        catalogue=services,
        suggestions=seen.told if seen else None,
    )
    wishes = _only(wishes, todo)
    for remark in todo.chosen.remarks:
        streams.complain(remark)
    if dry_run:
        _rehearse(todo, wishes, limits, index, asking, writing)
        return _damaged(seen)
    return _run(todo, wishes, limits, index, asking, writing) or _damaged(seen)


def _rehearse(  # noqa: PLR0917 - as `_run`
    todo: Work, wishes: Wishes, limits: Limits, index: Index, asking: "Asking", writing: "Writing"
) -> None:
    """Say what would be sent; nothing is."""
    from backchannel.probe.planned import planned  # noqa: PLC0415 - only where asked

    plan = planned(todo, wishes, limits, _settings(asking, todo, limits))
    if writing.json:
        put_json(plan)
    elif not writing.quiet:
        from backchannel.probe import rehearsal  # noqa: PLC0415 - only where asked
        from backchannel.report.console import show  # noqa: PLC0415 - as above

        show(rehearsal.render(plan, todo.chosen.by, limits, index))
    for path in filter(None, (writing.xml, writing.report, writing.evidence)):
        streams.complain(f"nothing is asked, so {path} is not written")


def _damaged(seen: Suggested | None) -> int:
    """Say which capture of suggestions was damaged, and return the exit code for it."""
    for text in seen.damage if seen else ():
        streams.complain(text)
    return DAMAGED if seen and seen.damage else 0


def _run(  # noqa: PLR0917 - what was asked for, and what is known
    todo: Work, wishes: Wishes, limits: Limits, index: Index, asking: "Asking", writing: "Writing"
) -> int:
    started = time.time_ns()
    with ExitStack() as stack:
        shown = None if writing.quiet else progress.display(stack, "ports")
        prober = Prober(Judge(index), limits, wishes, shown or (lambda _done, _all: None))
        interrupted = asyncio.run(_ask(prober, todo))
    ended = time.time_ns()
    told = [each for host in prober.hosts for result in host.results for each in result.talked]
    understood = {id(each.exchange) for each in told if each.verdict.whole}
    known = [each for each in prober.exchanges if id(each) in understood]
    others = [each for each in prober.exchanges if id(each) not in understood]
    document, trouble = _read(known, others, index, writing.evidence)
    probe = build(
        prober,
        started=started,
        ended=ended,
        interrupted=interrupted,
        settings=_settings(asking, todo, limits),
        left_out=todo.chosen.left_out,
        findings=document.findings,
        untold=untold(prober, todo, wishes, index),
    )
    _show(probe, index, writing)
    _write(probe, document, index, writing)
    if trouble is not None:
        raise trouble
    return INTERRUPTED if interrupted else _code(probe, writing.fail_on)


async def _ask(prober: Prober, todo: Work) -> bool:
    """Ask everybody; say whether that was interrupted."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await prober.run(todo.hosts)
    except asyncio.CancelledError:
        return True
    return False


def _read(
    known: list[Exchange], others: list[Exchange], index: Index, evidence: Path | None
) -> tuple[Document, OSError | None]:
    """Write the evidence and read it; what hinders that is returned, as there is more to tell."""
    try:
        return findings.read(known, others, index, evidence), None
    except OSError as error:
        if evidence is None:
            raise
        error.filename = error.filename or str(evidence)
        return findings.read(known, others, index, None), error


def _show(probe: Probe, index: Index, writing: "Writing") -> None:
    """Print what is for standard output: first, as a file may fail."""
    if writing.json:
        put_json(probe)
    elif not writing.quiet and STDOUT not in (writing.xml, writing.report):
        from backchannel.probe.show import render  # noqa: PLC0415 - only where asked
        from backchannel.report.console import show  # noqa: PLC0415 - as above

        show(render(probe, index))


def _write(probe: Probe, document: Document, index: Index, writing: "Writing") -> None:
    if writing.xml is not None:
        from backchannel.probe.nmapxml import xml  # noqa: PLC0415 - only where asked

        outputs.put(writing.xml, xml(probe, " ".join(["backchannel", *sys.argv[1:]])))
    if writing.report is not None:
        outputs.write(document, index, {"report": writing.report}, "Probe")
    for path in (writing.xml, writing.report, writing.evidence):
        if path is not None and path != STDOUT and path.exists() and not writing.quiet:
            print(f"written: {path}", file=sys.stderr)


def _code(probe: Probe, fail_on: Severity | None) -> int:
    reached = fail_on is not None and findings.worst(probe.findings) >= SEVERITIES.index(fail_on)
    return FOUND if reached else 0


def _check(asking: "Asking", writing: "Writing") -> None:
    """Raise UsageError where outputs would mix, overwrite something, or could not be written."""
    outs = {"xml": writing.xml, "report": writing.report, "evidence": writing.evidence}
    lists = [str(each) for each in (asking.seen, asking.authorised) if each is not None]
    targets.check(outs, None, lists, json=writing.json)


def _limits(asking: "Asking") -> Limits:
    for name, value, most in (
        ("--rate", asking.rate, FASTEST),
        ("--host-rate", asking.host_rate, FASTEST_HOST),
    ):
        if not 0 < value <= most:
            raise UsageError(f"{name} takes a number above 0, {most} at most")
    if not 0.1 <= asking.patience <= 30:
        raise UsageError("--patience takes seconds from 0.1 to 30")
    return Limits(rate=asking.rate, host_rate=asking.host_rate, patience=asking.patience)


def _wishes(asking: "Asking") -> Wishes:
    torrent = b""
    if asking.torrent:
        if re.fullmatch("[0-9a-fA-F]{40}", asking.torrent) is None:
            raise UsageError("--torrent takes an info-hash: 40 hexadecimal digits")
        torrent = bytes.fromhex(asking.torrent)
    through = None
    if asking.through:
        found = _ENDPOINT.match(asking.through)
        if found is None or not _is_address(found["six"] or "::") or not _is_port(found["port"]):
            raise UsageError("--through takes a host and a port: 192.0.2.1:443, [2001:db8::1]:443")
        through = Endpoint(found["six"] or found["host"], int(found["port"]))
    return Wishes(through, torrent, asking.aggressive)


def _is_address(text: str) -> bool:
    try:
        return ip_address(text).version == 6
    except ValueError:
        return False


def _is_port(text: str) -> bool:
    return 0 < int(text) < 1 << 16


def _only(wishes: Wishes, todo: Work) -> Wishes:
    return Wishes(wishes.through, wishes.torrent, wishes.aggressive, todo.only)


def _settings(asking: "Asking", todo: Work, limits: Limits) -> dict[str, str]:
    """Return what was asked for, in words."""
    return {
        "ports": asking.ports or "of the catalogue",
        "services": ", ".join(asking.services) or "all",
        "suggested by": printable(str(asking.seen or "")),
        "allowed by": "; ".join(todo.chosen.by) or "nobody named: private addresses only",
        "taken otherwise": "; ".join(todo.chosen.remarks),
        "rate": f"{limits.rate:g} a second in all, {limits.host_rate:g} to a host",
        "proxies led to": asking.through,
        "torrent": asking.torrent,
        "aggressive mode": "yes" if asking.aggressive else "no",
        "least seconds": f"{least_seconds(todo, limits):.0f}",
    }
