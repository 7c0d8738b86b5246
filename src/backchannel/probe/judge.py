"""Asks our own engine what an exchange was: the same decoders, claims and confidence as a scan's.

The exchange is made into frames and read as a capture is. So nothing here knows a protocol.
"""

import gc
from functools import lru_cache
from typing import NamedTuple

import msgspec

from backchannel.capture.records import Records
from backchannel.catalogue.index import Index
from backchannel.engine.ended import Ended, ended
from backchannel.engine.engine import Engine
from backchannel.engine.observation import Observation
from backchannel.engine.stream import Stream
from backchannel.events import Software, tag_of
from backchannel.flows.core import FlowCore
from backchannel.flows.settings import FlowSettings
from backchannel.model import Side
from backchannel.pipeline import looks_for
from backchannel.probe.exchange import Exchange, Step
from backchannel.probe.frames import header, packets
from backchannel.probe.hello import Hello
from backchannel.protocols import load

HEADER = 24
MOST = 64
"""Events of one answer that are kept, and as many programs that it names: few are ever told."""
SMALL = FlowSettings(max_flows=64)


EMPTY = frozenset(
    {
        *("malformed", "gap", "anomaly", "stun-carries", "messages"),
        *("dht-node", "esp-traffic", "openvpn-traffic", "telegram-key"),
    }
)
"""Events that do not show that an answer was understood: counts, and what would be encrypted, as
any noise behind a good hello may be. None of them answers a first message.
"""


class Verdict(NamedTuple):
    """What an exchange was."""

    claim: Ended | None = None
    """Whose the *answer* is; None where nobody knows it."""
    events: tuple[Observation, ...] = ()
    """What the other end told."""
    whole: bool = False
    """Whether the exchange as a whole is of that protocol: not where our hello was of another."""


class Judge:
    """Reads exchanges, one at a time."""

    def __init__(self, index: Index) -> None:
        self._looks = looks_for(index, everything=True)
        self._service_of = lru_cache(maxsize=256)(index.service_of)

    def judge(
        self,
        exchange: Exchange,
        hello: Hello | None = None,
        *,
        inner: bool = False,
        before: bytes = b"",
    ) -> Verdict:
        """Say whose the answer in *exchange* is; *inner*: the one inside TLS; *before*: what the
        port answered to a web browser.

        A claim may rest on our own hello. So the same is read without the answer, and the answer
        without the hello: the answer counts where it adds to the first, or stands by itself.
        """
        try:
            return self._judged(
                exchange, exchange.inside if inner else exchange.steps, hello, before
            )
        finally:
            gc.collect(0)  # an engine and its core are a cycle, of one megabyte for each reading

    def _judged(
        self, exchange: Exchange, steps: list[Step], hello: Hello | None, before: bytes
    ) -> Verdict:
        said = [step for step in steps if step.side is Side.CLIENT]
        heard = [step for step in steps if step.side is Side.SERVER]
        if not heard or echoed(said, heard, hello):
            return Verdict()
        whole, events = self._read(exchange, steps)
        alone, ours = self._read(exchange, said) if said else (None, [])
        theirs, told = self._read(exchange, heard) if said else (None, [])
        answer = b"".join(step.data for step in heard)
        if (
            whole is not None
            and (hello is None or hello.believed(answer, before))
            and _adds(whole, alone, theirs, _news(events, ours))
        ):
            if theirs is not None and theirs.protocol == whole.protocol:
                whole = msgspec.structs.replace(whole, evidence=theirs.evidence)
            return Verdict(whole, _kept(_told(events, ours)), True)
        return Verdict(theirs, _kept(told)) if theirs is not None else Verdict()

    def _read(
        self, exchange: Exchange, steps: list[Step]
    ) -> tuple[Ended | None, list[Observation]]:
        """Return the strongest claim of the flow itself, and all that was observed."""
        core = FlowCore(settings=SMALL, **self._looks)
        claims = list[Ended]()

        def over(stream: Stream, slot: int) -> None:
            figures = core.figures(slot) if slot >= 0 else (0, 0, 0, 0)
            claims.append(ended(stream, *figures))

        engine = Engine(
            core, load(), service_of_name=self._service_of, on_end=over, everything=True
        )
        data = b"".join((header(), *packets([exchange], steps)))
        core.feed(Records(data[:HEADER]).cut(memoryview(bytearray(data)), len(data)))
        events = _drained(engine)
        core.finish()
        events += _drained(engine) + engine.finish()
        outer = [each for each in claims if not each.inner]
        return max(outer, key=lambda each: each.confidence, default=None), events


def _news(events: list[Observation], ours: list[Observation]) -> list[str]:
    """Return the kinds of events of the other end that our own words do not make."""
    known = {_tag(each) for each in ours if each.side is Side.SERVER}
    return [_tag(each) for each in events if each.side is Side.SERVER and _tag(each) not in known]


def _adds(whole: Ended, alone: Ended | None, theirs: Ended | None, news: list[str]) -> bool:
    """Whether a claim of the *whole* rests on the answer, too: *theirs* alone is of that protocol,
    or the answer told something, or our words *alone* make no claim.
    """
    if news[:1] == ["malformed"]:
        return False
    if theirs is not None and theirs.protocol == whole.protocol:
        return True
    if news:
        return not set(news) <= EMPTY
    return alone is None


def echoed(said: list[Step], heard: list[Step], hello: Hello | None) -> bool:
    """Whether somebody sends back what it gets, as a terminal does, too, before it says something;
    and it was not a word to be answered alike.
    """
    theirs = b"".join(step.data for step in heard)
    return bool(said) and theirs.startswith(said[0].data) and not (hello and hello.alike)


def _told(events: list[Observation], ours: list[Observation]) -> list[Observation]:
    """Return what the other end told: some things of its side are told without it, of our hello."""
    known = [each.event for each in ours]
    return [each for each in events if each.side is Side.SERVER and each.event not in known]


def _kept(told: list[Observation]) -> tuple[Observation, ...]:
    """Return the first of what was told, so that nobody fills our memory by all his ports."""
    programs = [each for each in told[MOST:] if isinstance(each.event, Software)]
    return (*told[:MOST], *programs[:MOST])


def _tag(seen: Observation) -> str:
    return tag_of(type(seen.event))


def _drained(engine: Engine) -> list[Observation]:
    events = list[Observation]()
    while told := engine.drain():
        events += told
    return events
