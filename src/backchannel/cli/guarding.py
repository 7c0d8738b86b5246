"""A guard run by its configuration: what `backchannel guard` does once its options are read."""

import os
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from backchannel.apply import management
from backchannel.catalogue import index
from backchannel.cli.folders import catalogue
from backchannel.enforce import able
from backchannel.enforce.guard import Guard, Options
from backchannel.enforce.marks import Marks
from backchannel.enforce.messages import Knowledge
from backchannel.enforce.metrics import Metrics
from backchannel.enforce.record import Refusal
from backchannel.enforce.ruleset import Hook
from backchannel.enforce.show import line
from backchannel.enforce.status import Status
from backchannel.enforce.telling import Telling
from backchannel.errors import PrivilegeError, UsageError
from backchannel.live import configfile, setup
from backchannel.live.config import Config
from backchannel.policy import load as policies
from backchannel.remark import remark, say
from backchannel.report.words import count

PRIVATE = 0o027
"""What is written holds what people did: not for everybody on the machine."""
LIVE = ("policy", "mode", "catalogue")
"""Settings of [guard] that a reload changes; the others hold what was opened at the start."""
_HOOKS: dict[str, tuple[Hook, ...]] = {
    "router": ("forward",),
    "host": ("input", "output"),
    "both": ("forward", "input", "output"),
}


class Loader:
    """Reads configuration, policy and catalogue, at the start and at each reload."""

    def __init__(self, path: Path | None, given: Mapping[str, object]) -> None:
        """*given*: options, which win over *path*. Raises UsageError and InputError."""
        self._path, self._given = path, given
        self.config = self.first = self._read()
        self.telling: Telling | None = None
        self.sessions = management.sessions() if self.first.guard.at != "router" else []

    def load(self) -> Knowledge:
        """Return what packets are to be judged by. Raises UsageError, InputError and OSError."""
        wanted = config = self._read() if self.telling is not None else self.config
        assert wanted.guard.policy is not None
        known = catalogue(wanted.guard.catalogue)
        made = policies.load(wanted.guard.policy, known)
        ours = tuple(map(management.lifeline, self.sessions))
        made = msgspec.structs.replace(made, lifelines=(*made.lifelines, *ours))
        for warning in able.check(made, wanted.guard.mode):
            remark(warning)
        if self.telling is not None:
            self.telling.reload(config)
            for name in _fixed(self.first, config):
                remark(f"{name} of [guard] was changed; that takes effect at the next start")
        self.config = config
        limit = wanted.guard.mode
        return Knowledge(rules=made, services=known, index=index.build(known), limit=limit)

    def _read(self) -> Config:
        layers = configfile.layers(self._path)
        for name, value in self._given.items():
            if value is not None:
                option = "the command line" if name == "policy" else f"--{name.replace('_', '-')}"
                layers.set(("guard", name), _plain(value), option)
        made = configfile.made(layers)
        if made.guard.policy is None:
            raise UsageError("no policy: name its file, or set policy in [guard]")
        found = (*setup.receiver_faults(made), *setup.guard_faults(made))
        faults = [layers.fault(where, text) for where, text in found]
        if faults:
            raise configfile.Faulty(faults)
        return made


def run(path: Path | None, given: Mapping[str, object], *, quiet: bool) -> Status:
    """Guard until a signal ends it; return how it stood then.

    Raises UsageError, InputError, OSError and PrivilegeError, with nothing left behind.
    """
    os.umask(PRIVATE)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload
    loader = Loader(path, given)
    wanted = loader.config.guard
    with ExitStack() as stack:
        telling = Telling(loader.config, remark, _quiet if quiet else _print)
        stack.callback(telling.close)
        try:
            guard = stack.enter_context(Guard(loader.load, _options(loader.config), telling.tell))
        except PermissionError as error:
            raise PrivilegeError(
                "the guard needs root, or CAP_NET_ADMIN and CAP_NET_RAW"
            ) from error
        loader.telling, guard.undelivered = telling, telling.undelivered
        metrics = Metrics(wanted.metrics, guard, telling)
        stack.callback(metrics.close)
        for warning in guard.warnings:
            remark(warning)
        guard.obey_signals()
        made = guard.known.rules
        where = ", ".join(guard.options.hooks)
        remark(f"guarding {where} by {made.path}: {count(len(made.lines), 'line')}")
        guard.tell_mildness()
        for each in loader.sessions:
            remark(f"never cut: {each.client} to port {each.server_port}, by which you are here")
        guard.run()
        ended = guard.status()
    if wanted.report is not None:
        wanted.report.parent.mkdir(parents=True, exist_ok=True)
        wanted.report.write_bytes(msgspec.json.encode(ended) + b"\n")
    return ended


def _options(config: Config) -> Options:
    wanted = config.guard
    return Options(
        hooks=_HOOKS[wanted.at],
        queue=wanted.queue,
        length=wanted.queue_length,
        marks=Marks(wanted.mark_bit),
        control=None if wanted.control == Path("-") else wanted.control,
        memory=int(wanted.evidence_memory) if wanted.evidence is not None else 0,
    )


def _fixed(before: Config, now: Config) -> list[str]:
    """Return the settings that were changed and cannot be, while it runs."""
    names = (field.name for field in msgspec.structs.fields(now.guard))
    return [
        name
        for name in names
        if name not in LIVE and getattr(before.guard, name) != getattr(now.guard, name)
    ]


def _plain(value: object) -> object:
    """Return an option as it would stand in TOML."""
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _print(refusal: Refusal) -> None:
    say(line(refusal))


def _quiet(_refusal: Refusal) -> None:
    """Nothing."""
