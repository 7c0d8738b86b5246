"""Captures into facts: core, engine and decoders of a scan, with the protocols of IPsec alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backchannel.capture import Damage, find
from backchannel.capture.sources import Source, printable
from backchannel.diagnose.document import Input
from backchannel.diagnose.facts import Facts
from backchannel.diagnose.taps import protocols
from backchannel.engine.engine import Engine
from backchannel.flows.core import FlowCore
from backchannel.flows.settings import FlowSettings

IDLE = 3600
"""Seconds that an idle flow is remembered: keep-alives and liveness checks may be far apart."""
FLOWS = 1 << 15
"""Flows remembered at a time: those of IPsec only, some three kilobytes each."""
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Read:
    """What was read."""

    facts: Facts
    inputs: tuple[Input, ...]
    counters: dict[str, int]
    """What could not be seen, by name."""

    @property
    def damaged(self) -> tuple[Input, ...]:
        """The captures that were damaged."""
        return tuple(each for each in self.inputs if each.damage)


def read(
    paths: Sequence[str],
    *,
    between: frozenset[str] = frozenset(),
    progress: Progress | None = None,
) -> Read:
    """Read all captures. Raises InputError where one does not exist or is none."""
    known = protocols()
    magics = [(number, magic) for number, each in enumerate(known.values()) for magic in each.magic]
    settings = FlowSettings(max_flows=FLOWS, udp_wanted_idle=IDLE, other_wanted_idle=IDLE)
    core, facts = FlowCore(magics, settings), Facts(between)
    engine = Engine(core, known)
    found = find(paths)
    inputs = [_capture(source, core, engine, facts, progress) for source in found.captures]
    core.finish()
    _drain(engine, facts)
    for seen in engine.finish():
        facts.hear(seen)
    totals = core.totals()
    facts.first, facts.last = totals["first_time"], totals["last_time"]
    for other in found.others:
        facts.unseen[f"passed over, no capture: {printable(other.path)}"] += 1
    return Read(facts, tuple(inputs), core.counters() | engine.counters | facts.unseen)


def _capture(
    source: Source, core: FlowCore, engine: Engine, facts: Facts, progress: Progress | None
) -> Input:
    """Read one of them."""
    damage = ""
    try:
        for chunk in source.chunks():
            core.feed(chunk)
            _drain(engine, facts)
            if progress is not None:
                progress(source.done, source.total)
    except Damage as error:
        damage = str(error)
    return Input(
        path=source.name, packets=source.packets, first_frame=source.first_frame, damage=damage
    )


def _drain(engine: Engine, facts: Facts) -> None:
    while told := engine.drain(1024):
        for seen in told:
            facts.hear(seen)
