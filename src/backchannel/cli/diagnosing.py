"""The steps of a diagnosis, as the command line asks for them."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

from backchannel.cli import DAMAGED, FOUND, outputs, progress, streams
from backchannel.diagnose import doctor
from backchannel.diagnose.configured import files
from backchannel.diagnose.document import Diagnosis
from backchannel.diagnose.reading import Read, read
from backchannel.errors import UsageError


def run(
    captures: Sequence[str],
    far: Sequence[str],
    config: Sequence[Path],
    between: tuple[str, str] | None,
    *,
    policy: Path | None,
    metrics: Path | None,
    json: bool,
    quiet: bool,
) -> int:
    """Read everything, print the diagnosis, and return the exit code."""
    wanted = _addresses(between)
    connections = [each for path in config for each in files.read(path)]
    with ExitStack() as stack:
        shown = None if quiet else progress.display(stack)
        near = read(captures, between=wanted, progress=shown)
        there = read(far, progress=shown) if far else None
    told = doctor.diagnose(near, there, connections, others=not wanted)
    if policy is not None:
        _write(policy, told)
    if metrics is not None:
        from backchannel.cli import tunnel_metrics  # noqa: PLC0415 - only where asked

        tunnel_metrics.write(metrics, told)
    if json:
        streams.put_json(told)
    else:
        from backchannel.diagnose.terminal import render  # noqa: PLC0415 - only where shown
        from backchannel.report.console import show  # noqa: PLC0415 - only where shown

        show(render(told))
    return _code(told, near, there)


def _write(path: Path, told: Diagnosis) -> None:
    """Write the policy, and say so."""
    from backchannel.diagnose import opening  # noqa: PLC0415 - only where asked

    if not (text := opening.policy(told)):
        raise UsageError("no gateway was seen, so there is no policy to write")
    with outputs.named(path):
        path.write_text(text)
    print(f"written: {path}", file=sys.stderr)


def _addresses(between: tuple[str, str] | None) -> frozenset[str]:
    try:
        return frozenset(str(ip_address(each)) for each in between or ())
    except ValueError as error:
        raise UsageError(f"--between takes two addresses: {error}") from None


def _code(told: Diagnosis, *sides: Read | None) -> int:
    """Say on standard error what was damaged, and return the exit code."""
    if streams.complain_of_damage(entry for side in sides if side for entry in side.damaged):
        return DAMAGED
    weights = {each.weight for gateways in told.gateways for each in gateways.conclusions}
    down = any(each.state != "up" for each in told.configured)
    return FOUND if down or weights & {"problem", "warning"} else 0
