"""What in the answers is wrong: the rules of a scan that speak of servers, and a few of our own.

The exchanges that were understood are read as a capture, so that rules see what they see in one.
Rules that speak of use are left out: the use was ours.
"""

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from backchannel.capture.sources import printable
from backchannel.catalogue.index import Index
from backchannel.detect import rules
from backchannel.detect.model import SEVERITIES, Finding
from backchannel.pipeline import Scan
from backchannel.probe.exchange import Exchange
from backchannel.probe.frames import header, packets
from backchannel.report import matrix
from backchannel.report.document import Document

OURS = Path(__file__).parent / "rules"
OF_SERVERS = frozenset(
    {
        *("aggressive-psk", "anonymous-listing", "borrowed-port", "drive-shared", "odd-port"),
        *("message-log-shared", "sensitive-share", "weak-chosen", "disguised-program"),
    }
)
"""Rules of a scan that say something of who answered, whoever asked."""


def read(
    understood: Sequence[Exchange],
    others: Iterable[Exchange],
    index: Index,
    evidence: Path | None,
) -> Document:
    """Return the document of a scan of *understood*, with the findings that speak of servers.

    *evidence*: a file for these exchanges, so that findings can name its frames; *others* follow.
    """
    with ExitStack() as stack:
        if evidence is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            path = Path(folder) / "probe.pcapng"
        else:
            path = evidence
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(header())
            file.writelines(packets(understood))
        run = Scan(path, everything=True, index=index, rule_folders=(OURS,))
        document = run.document
        if evidence is not None:
            with path.open("ab") as file:
                file.writelines(packets(others))
    wanted = OF_SERVERS | set(rules.read(OURS))
    kept = [_named(each, evidence) for each in document.findings if each.rule in wanted]
    inputs = tuple(
        msgspec.structs.replace(each, path=_path(evidence) or "exchanges")
        for each in document.inputs
    )
    document = msgspec.structs.replace(document, inputs=inputs, findings=tuple(kept))
    cells = matrix.build(document, index, run.assessed, before=document.matrix)
    return msgspec.structs.replace(document, matrix=cells)


def _named(finding: Finding, evidence: Path | None) -> Finding:
    """Return a finding whose evidence names the file that is there, or none."""
    path = _path(evidence)
    seen = tuple(msgspec.structs.replace(each, path=path) for each in finding.evidence)
    return msgspec.structs.replace(finding, evidence=seen)


def _path(evidence: Path | None) -> str:
    return printable(str(evidence)) if evidence else ""


def worst(found: Iterable[Finding]) -> int:
    """Return the place of the worst severity; -1 where there is no finding."""
    return max((SEVERITIES.index(each.severity) for each in found), default=-1)
