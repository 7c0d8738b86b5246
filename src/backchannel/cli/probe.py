"""`backchannel probe`: ask hosts what runs on them. What it does is in `probing`."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from backchannel.cli import options


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What is asked of whom, and how fast."""

    exclude: options.Networks = ()
    """Hosts, blocks or ranges to leave out; may be given several times."""
    authorised: options.FileName = None
    """Networks that may be asked and who allowed it, one a line; public addresses need it."""
    ports: Annotated[str, Parameter(metavar="PORTS")] = ""
    """Ports to ask: 80,tcp/6660-6669,udp/500; by default those of the catalogue."""
    services: options.Services = ()
    """Ask for these services only, by their names in the catalogue."""
    seen: Annotated[options.FileName, Parameter(name="--from")] = None
    """Ask only what this capture, or output of scan --json, suggests of hosts that you allow."""
    through: Annotated[str, Parameter(metavar="HOST:PORT")] = ""
    """Try whether proxies lead anybody to this host and port."""
    torrent: Annotated[str, Parameter(metavar="HASH")] = ""
    """Ask BitTorrent peers for the torrent of this info-hash, 40 hexadecimal digits."""
    aggressive: bool = False
    """Ask for IKEv1's aggressive mode too, by which a gateway gives away a hash of its key."""
    rate: options.Rate = 100
    """Connections and datagrams a second in all; at most 1000."""
    host_rate: options.Rate = 10
    """Those a second to one host; at most 100."""
    patience: options.Seconds = 3.5
    """How long to wait for a connection; below 3.5 a host that is away is only silent."""


@dataclass(frozen=True, kw_only=True)
class Writing:
    """What is written, and where."""

    json: bool = False
    """Print one JSON document on standard output instead of the table."""
    xml: options.OrStandardOutput = None
    """Write nmap's XML; `-` for standard output."""
    report: options.OrStandardOutput = None
    """Write a self-contained HTML report of what was understood; `-` for standard output."""
    evidence: options.FileName = None
    """Write what was sent and got as a capture (pcapng); it holds all that hosts answered."""
    fail_on: options.Worst = None
    """End with exit code 1 when there is a finding of this severity or worse."""
    quiet: options.Quiet = False
    """Print no table and no progress."""


def probe(
    *targets: str,
    asking: Annotated[Asking, Parameter(name="*")] = Asking(),
    writing: Annotated[Writing, Parameter(name="*")] = Writing(),
    dry_run: bool = False,
) -> int:
    """Ask hosts which back channels run on them.

    Each is told the first message of a service's clients; no root is needed.
    Ctrl-C ends the run with what was found until then.
    Exit code 0: done; 1: a finding reached --fail-on; 130: interrupted.

    Parameters
    ----------
    targets
        Addresses, blocks, ranges (10.0.0.1-20), names, and @FILE with one of these a line.
    asking
        What is asked of whom, and how fast.
    writing
        What is written, and where.
    dry_run
        Say what would be sent to whom, and send nothing.
    """
    from backchannel.cli import probing  # noqa: PLC0415 - not for the help

    return probing.run(targets, asking, writing, dry_run=dry_run)
