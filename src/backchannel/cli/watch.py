"""`backchannel watch`: the same on live traffic, for as long as it is left running.

What it does is in `watching`.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from cyclopts import Parameter

from backchannel.cli import options
from backchannel.grades import Mode


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the configuration file can set too; options given here win."""

    interface: Annotated[
        tuple[str, ...], Parameter(name=["--interface", "-i"], metavar="INTERFACE")
    ] = ()
    """Interface to watch; may be given several times."""
    filter: options.Expression = None
    """Keep only packets that match this expression, as in tcpdump."""
    promiscuous: bool = False
    """Ask the network card for packets that are not for this machine."""
    workers: options.Count = None
    """Parsing processes; the kernel gives each its share of the flows."""
    eve: options.FileName = None
    """Write EVE JSON lines, as Suricata's collectors read them."""
    events: options.FileName = None
    """Write our own typed events as JSON lines."""
    flows: options.FileName = None
    """Write every flow as a row of a Parquet file."""
    findings: options.FileName = None
    """Write findings as JSON lines."""
    rotate_size: options.Size = None
    """Rotate a file when it reaches this size: 100MB."""
    rotate_every: options.Time = None
    """Rotate a file when it reaches this age: 1d."""
    keep: options.Count = None
    """How many rotated files of each are kept."""
    report: options.FileName = None
    """Write a self-contained HTML report at the end."""
    report_every: options.Time = None
    """Write a report for each period of this length: 1h."""
    ring: options.Folder = None
    """Keep the newest packets in this folder."""
    ring_size: options.Size = None
    """How many bytes of them: 1GB."""
    evidence: options.Folder = None
    """Write the conversation of each finding into this folder; needs --ring."""
    metrics: options.Address = None
    """Serve metrics for Prometheus on this address and port: 127.0.0.1:9469."""
    secrets: bool = False
    """Show passwords, hashes and tokens instead of redacting them."""
    content: bool = False
    """Show the text of messages and profiles instead of redacting it."""
    everything: Annotated[bool, Parameter(name="--all")] = False
    """Decode DNS, TLS, QUIC and plain web traffic too, not only what concerns a known service."""
    rules: options.Folders = ()
    """Folders with your own rules, in addition to the built-in ones."""
    suppress: options.FileName = None
    """Do not report findings that this file accepts."""
    prevent: options.FileName = None
    """A policy: answer what it refuses with TCP resets to both ends, and with ICMP."""
    prevent_mode: Mode | None = None
    """Go no further than this, whatever the policy says: observe, alert, reset or drop."""
    prevent_via: options.Interface = None
    """Send resets as Ethernet frames into this interface; without it they take the routes."""


def watch(
    *interfaces: str,
    settings: Annotated[Settings, Parameter(name="*")] = Settings(),
    config: options.FileName = None,
    plain: bool = False,
    json_lines: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    duration: options.Time = None,
    fail_on: options.Worst = None,
) -> int:
    """Watch live traffic, with alerts, evidence and metrics.

    A live view on a terminal; in a pipe lines for findings and new services.
    SIGTERM and Ctrl-C end it with everything written; SIGHUP reads all files again.
    Exit code 0: done; 1: a finding reached --fail-on; 4: missing privilege.

    Parameters
    ----------
    interfaces
        Interfaces to watch, as with -i; `any` alone for all of them.
    settings
        What the configuration file can set too.
    config
        TOML, with conf.d/*.toml beside it; by default /etc/backchannel/backchannel.toml, if there.
    plain
        Lines of text also on a terminal.
    json_lines
        Findings, new services and notices as JSON lines on standard output.
    quiet
        Nothing on standard output.
    duration
        Stop after this time: 60s, 8h.
    fail_on
        End with exit code 1 when there was a finding of this severity or worse.
    """
    from backchannel.cli import watching  # noqa: PLC0415 - not for the help

    screen = watching.screen(plain=plain, json_lines=json_lines, quiet=quiet)
    settings = replace(settings, interface=(*interfaces, *settings.interface))
    return watching.run(settings, config, screen, duration, fail_on)
