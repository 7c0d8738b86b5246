"""What a configuration leads to, looked up and checked: rules, catalogue, suppressions, filter.

Done at the start, at every reload and by `check-config`, so that all three say the same.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from backchannel.catalogue import index as catalogue
from backchannel.catalogue.index import Index
from backchannel.detect import rules, suppress
from backchannel.detect.model import Rule
from backchannel.detect.suppress import Suppression
from backchannel.errors import reason
from backchannel.live import filters
from backchannel.live.config import Config
from backchannel.live.delivery import sink
from backchannel.live.sinks.connection import split
from backchannel.live.sockets import ANY, COOKED, Capture
from backchannel.privacy import Disclosure

PATIENT, PROMPT = (1 << 20, 50), (1 << 17, 6)
"""Bytes of a block, and milliseconds that one which is not full waits; the second where resets must
come soon. Either way a ring of 64 MB holds three seconds of thin traffic, however little is in it.
"""


class Knowledge(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload can change in the middle of a watch."""

    rules: tuple[Rule, ...]
    index: Index
    suppressions: tuple[Suppression, ...]
    idle: tuple[str, ...] = ()
    """Suppressions that hide nothing, in words."""
    disclosure: Disclosure
    repeat: float
    everything: bool


def knowledge(
    config: Config, index: Index | None = None, rule_folders: Sequence[Path] = ()
) -> Knowledge:
    """Return what is looked for. *index* and *rule_folders* are those of packs in use.

    Raises InputError with the file that is wrong.
    """
    wanted = config.findings
    looked_for = rules.load(*rule_folders, *wanted.rules)
    accepted = suppress.read(wanted.suppress) if wanted.suppress else []
    idle = suppress.idle(accepted, looked_for, datetime.now(tz=UTC).date())
    return Knowledge(
        rules=tuple(looked_for.values()),
        index=index or catalogue.load(),
        suppressions=tuple(accepted),
        idle=tuple(f"{wanted.suppress}: {text}" for text in idle),
        disclosure=Disclosure(secrets=config.decode.secrets, content=config.decode.content),
        repeat=wanted.repeat,
        everything=config.decode.everything,
    )


def captures(config: Config) -> list[Capture]:
    """Return how each interface is to be captured from."""
    wanted = config.capture
    block, wait = PATIENT if config.prevent.policy is None else PROMPT
    return [
        Capture(
            interface=name,
            filter=wanted.filter,
            snaplen=wanted.snaplen,
            promiscuous=wanted.promiscuous,
            block_size=block,
            blocks=max(2, wanted.ring // block),
            wait=wait,
        )
        for name in dict.fromkeys(wanted.interfaces)
    ]


def keyed(config: Config) -> Config:
    """Return *config* with a key of its own for the flow table, which nobody outside knows."""
    flows = msgspec.structs.replace(config.flows, key=secrets.randbits(63) | 1)
    return msgspec.structs.replace(config, flows=flows)


def faults(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what cannot work of a watch, each with the setting that says so; policies are read by
    whoever enforces them. Opens nothing for long.
    """
    yield from _interfaces(config)
    cooked = ANY in config.capture.interfaces
    try:
        filters.compiled(config.capture.filter, config.capture.snaplen, COOKED if cooked else 1)
    except ValueError as error:
        yield ("capture", "filter"), str(error)
    yield from _findings(config)
    evidence = config.evidence
    if evidence.folder is not None:
        if evidence.ring is None:
            yield ("evidence", "folder"), "evidence is cut from the ring: set ring (--ring) too"
        elif evidence.folder.resolve() == evidence.ring.resolve():
            yield ("evidence", "folder"), "what is in the ring goes in time: name another folder"
    if config.output.report_every is not None and config.output.report is None:
        yield ("output", "report_every"), "name the report: set report too"
    yield from _outputs(config)
    yield from _prevention(config)
    yield from receiver_faults(config)
    if config.metrics.listen:
        yield from _listens(config.metrics.listen, ("metrics", "listen"))


def guard_faults(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what cannot work of what a guard alone is told, but for its policy."""
    wanted = config.guard
    if wanted.evidence is not None and wanted.evidence.is_file():
        yield ("guard", "evidence"), f"{wanted.evidence} is a file; name a folder"
    if wanted.metrics:
        yield from _listens(wanted.metrics, ("guard", "metrics"))


def _findings(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield rules and suppressions that cannot be read."""
    wanted = config.findings
    try:
        rules.load(*wanted.rules)
    except ValueError as error:
        yield ("findings", "rules"), str(error)
    try:
        suppress.read(wanted.suppress) if wanted.suppress else None
    except ValueError as error:
        yield ("findings", "suppress"), str(error)


def receiver_faults(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield receivers of alerts that cannot be."""
    names: set[str] = set()
    for kind in ("syslog", "webhook", "nats"):
        for number, receiver in enumerate(getattr(config.alerts, kind)):
            where = ("alerts", kind, number)
            if receiver.name in names:
                yield where, f"two receivers are called {receiver.name}: give each a name"
            names.add(receiver.name)
            try:
                sink(receiver)
            except OSError as error:
                yield where, f"{error.filename}: {reason(error)}" if error.filename else str(error)
            except ValueError as error:
                yield where, str(error)


def _listens(listen: str, where: tuple[str, str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    try:
        split(listen)
    except ValueError as error:
        yield where, f"{error}; write for example 127.0.0.1:9469"


def _interfaces(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what does not go with all interfaces together."""
    wanted = config.capture
    if ANY not in wanted.interfaces:
        return
    if len(wanted.interfaces) > 1:
        yield ("capture", "interfaces"), f"{ANY} is all of them: give it alone"
    if wanted.promiscuous:
        yield ("capture", "promiscuous"), f"{ANY} cannot be promiscuous: name the interfaces"
    if config.prevent.via:
        yield (
            ("prevent", "via"),
            f"{ANY} shows no Ethernet addresses to put frames to: name the interfaces",
        )


def _prevention(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what is set of prevention, and has no effect."""
    wanted = config.prevent
    for name in ("mode", "via"):
        if wanted.policy is None and getattr(wanted, name):
            yield ("prevent", name), "without a policy nothing is prevented: set policy too"


def _outputs(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield outputs that cannot be written, or that go to one file."""
    taken: dict[Path, str] = {}
    for name in ("events", "eve", "flows", "findings", "report"):
        path: Path | None = getattr(config.output, name)
        if path is None:
            continue
        where = ("output", name)
        if path in taken:
            yield where, f"{taken[path]} and {name} both go to {path}; give one another file"
        taken[path] = name
        if path.is_dir():
            yield where, f"{path} is a folder; name a file"
            continue
        around = path if path.exists() else path.parent
        while not around.exists() and around != around.parent:
            around = around.parent
        if not os.access(around, os.W_OK):
            yield where, f"{around} cannot be written"
