"""A watch, as the command line asks for it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backchannel.cli import folders
from backchannel.cli.watch import Settings
from backchannel.errors import UsageError
from backchannel.grades import Severity
from backchannel.live import configfile, setup, sockets
from backchannel.live.companion import Companion
from backchannel.live.config import Config
from backchannel.live.screen import JsonLines, Plain, Quiet, Screen
from backchannel.live.setup import Knowledge
from backchannel.live.units import Duration
from backchannel.live.watcher import Notice, Watcher
from backchannel.packs import layout

if TYPE_CHECKING:
    from backchannel.catalogue.model import Service
    from backchannel.policy.model import Rules

FOUND, CUT_SHORT = 1, 3
PRIVATE = 0o027
"""What is written holds what people said and did: not for everybody on the machine."""
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


def run(
    settings: Settings,
    config: Path | None,
    shown: Screen,
    duration: str | None,
    fail_on: Severity | None,
) -> int:
    """Watch until told to stop; return the exit code. The arguments are the options of `watch`."""
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
    watcher = Watcher(load, shown, _accompany)
    watcher.run(seconds)
    if watcher.failed:
        return CUT_SHORT
    return FOUND if fail_on is not None and watcher.reached(fail_on) else 0


def _accompany(wanted: Config, notice: Notice) -> Companion | None:
    """Return what prevents, where a policy is named."""
    if wanted.prevent.policy is None:
        return None
    from backchannel.cli.folders import catalogue  # noqa: PLC0415 - only where asked
    from backchannel.enforce.prevention import Prevention  # noqa: PLC0415 - compiled, only here
    from backchannel.policy.load import load  # noqa: PLC0415 - only where asked

    def read(path: Path) -> "tuple[Rules, Mapping[str, Service]]":
        known = catalogue()
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
            "no interface given: name one or more, as in `backchannel watch eth0`, or set "
            "interfaces in [capture] of the configuration; there are: "
            + ", ".join(sockets.interfaces())
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


def screen(*, plain: bool, json_lines: bool, quiet: bool) -> Screen:
    """Return where to show things: a view only where a person sits."""
    if quiet:
        return Quiet()
    if json_lines:
        return JsonLines(sys.stdout.buffer)
    if not plain and sys.stdout.isatty() and sys.stdin.isatty():
        from backchannel.live.view import View  # noqa: PLC0415 - only on a terminal

        return View()
    return Plain(sys.stdout)
