"""`backchannel watch`: the same on live traffic, for as long as it is left running."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from backchannel.catalogue.model import Severity
from backchannel.cli import folders
from backchannel.errors import UsageError
from backchannel.live import configfile, setup
from backchannel.live.companion import Companion
from backchannel.live.config import Config
from backchannel.live.screen import JsonLines, Plain, Quiet, Screen
from backchannel.live.setup import Knowledge
from backchannel.live.units import Duration
from backchannel.live.watcher import Notice, Watcher
from backchannel.packs import layout
from backchannel.policy.document import Mode

if TYPE_CHECKING:
    from backchannel.catalogue.model import Service
    from backchannel.policy.model import Rules

FOUND, CUT_SHORT = 1, 3
PRIVATE = 0o027
"""What is written holds what people said and did: not for everybody on the machine."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the configuration file can say too; what is given here wins."""

    interface: Annotated[tuple[str, ...], Parameter(name=["--interface", "-i"])] = ()
    """Interface to watch; may be given several times."""
    filter: str | None = None
    """Keep only packets that this expression fits, as in tcpdump."""
    promiscuous: bool = False
    """Ask the network card for packets that are not for this machine."""
    workers: int | None = None
    """Parsing processes; the kernel gives each its share of the flows."""
    eve: Path | None = None
    """Write EVE JSON lines, as Suricata's collectors read them."""
    events: Path | None = None
    """Write our own typed events as JSON lines."""
    flows: Path | None = None
    """Write every flow as a row of a Parquet file."""
    findings: Path | None = None
    """Write findings as JSON lines."""
    rotate_size: str | None = None
    """Rotate a file when it is as large: 100MB."""
    rotate_every: str | None = None
    """Rotate a file when it is as old: 1d."""
    keep: int | None = None
    """Rotated files kept of each."""
    report: Path | None = None
    """Write a self-contained HTML report at the end."""
    report_every: str | None = None
    """Write the report so often, each of its own period: 1h."""
    ring: Path | None = None
    """Keep the newest packets in this folder."""
    ring_size: str | None = None
    """How many bytes of them: 1GB."""
    evidence: Path | None = None
    """Write the conversation of each finding into this folder; needs --ring."""
    metrics: str | None = None
    """Serve figures for Prometheus on this address and port: 127.0.0.1:9469."""
    secrets: bool = False
    """Show passwords, hashes and tokens instead of redacting them."""
    content: bool = False
    """Show the text of messages and profiles instead of redacting it."""
    everything: Annotated[bool, Parameter(name="--all")] = False
    """Decode DNS, TLS and plain web traffic too, not only where it concerns a known service."""
    rules: tuple[Path, ...] = ()
    """Folders with rules of your own, beside ours."""
    suppress: Path | None = None
    """Do not tell findings that this file accepts."""
    prevent: Path | None = None
    """A policy: answer what it refuses with TCP resets to both ends, and with ICMP."""
    prevent_mode: Mode | None = None
    """Go no further than this, whatever the policy says: observe, alert, reset or drop."""
    prevent_via: str | None = None
    """Put resets as Ethernet frames into this interface; without it they go by the routes."""


_WHERE = {
    "interface": ("capture", "interfaces"),
    "filter": ("capture", "filter"),
    "promiscuous": ("capture", "promiscuous"),
    "workers": ("capture", "workers"),
    "ring": ("evidence", "ring"),
    "ring_size": ("evidence", "ring_size"),
    "evidence": ("evidence", "folder"),
    "metrics": ("metrics", "listen"),
    "secrets": ("decode", "secrets"),
    "content": ("decode", "content"),
    "everything": ("decode", "everything"),
    "rules": ("findings", "rules"),
    "suppress": ("findings", "suppress"),
    "prevent": ("prevent", "policy"),
    "prevent_mode": ("prevent", "mode"),
    "prevent_via": ("prevent", "via"),
}
"""Where an option stands in the configuration; all others stand in [output] by their own name."""


def watch(
    *,
    settings: Annotated[Settings, Parameter(name="*")] = Settings(),
    config: Path | None = None,
    plain: bool = False,
    json_lines: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    duration: str | None = None,
    fail_on: Severity | None = None,
) -> int:
    """Watch interfaces and tell what back channels are used, by whom, and what is wrong with them.

    On a terminal: a view to leave open. In a pipe: a line for each finding and each new service.
    SIGTERM and Ctrl-C end it with everything written; SIGHUP reads configuration, catalogue and
    rules again. Exit code 0: done; 1: a finding reached --fail-on; 4: missing privilege.

    Parameters
    ----------
    settings
        What the configuration file can say too.
    config
        Configuration in TOML, with conf.d/*.toml beside it; by default
        /etc/backchannel/backchannel.toml, if it is there.
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
    seconds = None
    if duration is not None:
        try:
            seconds = float(Duration.read(duration))
        except ValueError as error:
            raise UsageError(f"--duration {duration}: {error}; for example 90s or 8h") from None

    def load() -> tuple[Config, Knowledge]:
        wanted = _configured(config, settings)
        index = layout.indexed(layout.active(folders.packs()))
        return wanted, setup.knowledge(wanted, index, folders.pack_rules())

    os.umask(PRIVATE)
    watcher = Watcher(load, _screen(plain=plain, json_lines=json_lines, quiet=quiet), _accompany)
    watcher.run(seconds)
    if watcher.failed:
        return CUT_SHORT
    return FOUND if fail_on is not None and watcher.reached(fail_on) else 0


def _accompany(wanted: Config, notice: Notice) -> Companion | None:
    """Return what prevents, where a policy is named."""
    if wanted.prevent.policy is None:
        return None
    from backchannel.cli.policy import services  # noqa: PLC0415 - only where asked
    from backchannel.enforce.prevention import Prevention  # noqa: PLC0415 - compiled, only here
    from backchannel.policy.load import load  # noqa: PLC0415 - only where asked

    def read(path: Path) -> "tuple[Rules, Mapping[str, Service]]":
        known = services()
        return load(path, known), known

    return Prevention(wanted.prevent, read, notice)


def _configured(path: Path | None, settings: Settings) -> Config:
    """Return the configuration with the options over it. Raises UsageError with all faults."""
    layers = configfile.layers(path)
    for name, value in _given(settings).items():
        table, key = _WHERE.get(name, ("output", name))
        layers.set((table, key), value, f"--{name.replace('_', '-')}")
    made = configfile.made(layers)
    if not made.capture.interfaces:
        raise UsageError(
            "no interface given: use -i NAME, or set interfaces in [capture] of the configuration"
        )
    faults = [layers.fault(where, text) for where, text in setup.faults(made)]
    if faults:
        raise configfile.Faulty(faults)
    return made


def _given(settings: Settings) -> Mapping[str, Any]:
    """Return the options that were given, as they would stand in TOML."""
    out: dict[str, Any] = {}
    for name in settings.__dataclass_fields__:
        value = getattr(settings, name)
        if value is None or value is False or value == ():
            continue
        if isinstance(value, tuple):
            out[name] = [str(each) for each in value]
        else:
            out[name] = str(value) if isinstance(value, Path) else value
    return out


def _screen(*, plain: bool, json_lines: bool, quiet: bool) -> Screen:
    """Return where to show things: a view only where a person sits."""
    if quiet:
        return Quiet()
    if json_lines:
        return JsonLines(sys.stdout.buffer)
    if not plain and sys.stdout.isatty() and sys.stdin.isatty():
        from backchannel.live.view import View  # noqa: PLC0415 - only on a terminal

        return View()
    return Plain(sys.stdout)
