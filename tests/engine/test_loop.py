"""The loop: what the core delivers in steps means the same however it is asked for, and a session
that is done gets no more.
"""

from pathlib import Path

import pytest

from backchannel.capture.sources import sources
from backchannel.catalogue import index as catalogue
from backchannel.decoder import Decoder
from backchannel.effects import Tie
from backchannel.engine.engine import Engine
from backchannel.engine.stream import REPLAY_BYTES, TRIES
from backchannel.events import Gap
from backchannel.flows.core import CLOSED, DATA, END, FlowCore
from backchannel.flows.row import FlowInfo
from backchannel.flows.settings import FlowSettings
from backchannel.model import Claim, Endpoint, Side, Standing
from backchannel.pipeline import looks_for
from backchannel.protocols import load

EXAMPLES = Path(__file__).parents[2] / "examples"


def engine():
    core = FlowCore(settings=FlowSettings(), **looks_for(catalogue.load(), everything=False))
    return core, Engine(core, load())


def by_batch(core, made):
    while batch := core.take():
        if told := made.handle(batch):
            yield told


def by_itself(_core, made):
    while told := made.drain():
        yield told


def steps(path, ask):
    core, made = engine()
    found = []
    for source in sources([str(path)]):
        for chunk in source.chunks():
            core.feed(chunk)
            found += ask(core, made)
    core.finish()
    return [*found, *ask(core, made), made.finish()]


def by_many(_core, made):
    heard = []
    while told := made.drain(7, heard):
        yield told
        assert heard == told
        heard.clear()


@pytest.mark.parametrize("name", ["icq/icq_oft.pcap", "aim/aim_presence.pcap"])
def test_the_engine_drains_the_core_step_by_step(name):
    told = steps(EXAMPLES / name, by_itself)
    assert len(told) > 3
    assert told == steps(EXAMPLES / name, by_batch)
    many = steps(EXAMPLES / name, by_many)
    assert max(map(len, many)) >= 7
    assert [each for batch in many for each in batch] == [each for batch in told for each in batch]


class Session:
    """Tells the size of what it is fed, and is done as soon as it reads a full stop."""

    def __init__(self, _start):
        self.service, self.standing, self.done = "aim", Standing.PARSED, False

    def feed(self, _side, data):
        self.done = self.done or data.endswith(b".")
        return [Gap(size=len(data))]

    def end(self, side):
        self.done = self.done or side is Side.CLIENT
        return []


class Fake:
    """A protocol that claims everything."""

    name, service, alone, context, sealed = "fake", "aim", False, False, False
    ports = magic = ()
    session = Session

    @staticmethod
    def recognise(_peek):
        return Claim("fake")


class Derived(Fake):
    """The same, with sessions as those that are compiled are."""

    class session(Session, Decoder):  # noqa: N801 - as the protocol calls it
        pass


class Core:
    """Knows one TCP flow, all of which belongs to the protocol."""

    def __init__(self):
        self.dropped = self.released = 0

    def info(self, slot):
        return FlowInfo(slot, "tcp", Endpoint("192.0.2.1", 1025), Endpoint("192.0.2.2", 5190), 6)

    def whole(self, _slot):
        return True

    def hits(self, _slot):
        return 1

    def fitting(self, *_, **__):
        return [0]

    def drop(self, _slot):
        self.dropped += 1

    def release(self, _slot):
        self.released += 1

    def expect(self, *_):
        pass

    forget = keep = want = expect


class Wrong(Fake):
    """A protocol whose sessions ask for what cannot be done."""

    class session(Session):  # noqa: N801 - as the protocol calls it
        def feed(self, side, data):
            return [*super().feed(side, data), Tie(key=[]), Gap(size=0)]


def fed(*deliveries, protocol=Fake):
    """Return the sizes that the session was fed, and how often its flow was dropped."""
    core = Core()
    made = Engine(core, {"fake": protocol()})
    told = []
    for frame, (kind, way, data) in enumerate(deliveries, 1):
        told += made.handle([(0, way, kind, frame * 1000, frame, data)])
    return [seen.event.size for seen in told], core.dropped


@pytest.mark.parametrize("protocol", [Fake, Derived])
@pytest.mark.parametrize("first", [b"12.", b"123"])
def test_a_session_is_fed_until_it_is_done(first, protocol):
    steps = (DATA, 0, first), (DATA, 1, b"1234."), (DATA, 0, b"123456")
    sizes, dropped = fed(*steps, protocol=protocol)
    done_at_once = first.endswith(b".")
    assert sizes == ([3] if done_at_once else [3, 5])
    assert dropped == 1


@pytest.mark.parametrize("protocol", [Fake, Derived])
@pytest.mark.parametrize(("side", "told"), [(0, [3]), (1, [3, 5])])
def test_a_session_that_is_done_with_an_end_is_fed_no_more(side, told, protocol):
    steps = (DATA, 0, b"123"), (END, side, b""), (DATA, 1 - side, b"12345"), (CLOSED, 0, 0)
    assert fed(*steps, protocol=protocol)[0] == told


def test_an_effect_that_fails_costs_its_stream_and_not_the_run(capsys):
    sizes, dropped = fed((DATA, 0, b"123"), (DATA, 0, b"12"), (CLOSED, 0, 0), protocol=Wrong)
    assert (sizes, dropped) == ([3], 1), "what was told before it is kept"
    assert "fault in the decoder of fake, please report" in capsys.readouterr().err


class Late(Fake):
    """A protocol whose sessions are sure once they were fed b"proof"."""

    class session(Session):  # noqa: N801 - as the protocol calls it
        def __init__(self, start):
            super().__init__(start)
            self.standing = Standing.CLAIMED

        def feed(self, side, data):
            if data == b"proof":
                self.standing = Standing.PARSED
            return super().feed(side, data)


@pytest.mark.parametrize("size", [10, REPLAY_BYTES + 1])
def test_a_flow_is_kept_once_it_is_proved_however_much_came_before(size):
    core, kept = Core(), []
    core.keep = kept.append
    made = Engine(core, {"fake": Late()})
    for frame, data in enumerate((bytes(size), b"proof", b"more"), 1):
        made.handle([(0, 0, DATA, frame * 1000, frame, data)])
    assert kept == [0]


@pytest.mark.parametrize("size", [REPLAY_BYTES, REPLAY_BYTES + 1, 65_000])
def test_a_first_segment_is_shown_whole_however_long(size):
    """Network cards join segments, and loopback cuts none: a first write may come as one."""
    sizes, dropped = fed((DATA, 0, bytes(size)), (DATA, 0, b"12"))
    assert (sizes, dropped) == ([size, 2], 0)


def test_no_more_than_the_bound_is_kept_of_what_nobody_has_proved():
    core = Core()
    made = Engine(core, {"fake": Late()})
    made.handle([(0, 0, DATA, 1000, 1, bytes(REPLAY_BYTES))])
    stream = made.stream(0)
    assert sum(len(step.data) for step in stream.replay) == REPLAY_BYTES
    made.handle([(0, 0, DATA, 2000, 2, bytes(65_000))])
    assert stream.replay is None


class Mistaken(Fake):
    """A protocol whose sessions give up at once, and say why."""

    class session(Session):  # noqa: N801 - as the protocol calls it
        def feed(self, side, data):
            self.standing = Standing.REFUTED
            return super().feed(side, data)


class Choosy(Fake):
    """A protocol that claims what begins with a digit."""

    @staticmethod
    def recognise(peek):
        return Claim("fake") if (peek.client or peek.server)[:1].isdigit() else None


@pytest.mark.parametrize(("junk", "sizes"), [(0, [3]), (1, [3]), (TRIES, [3]), (TRIES + 1, [])])
def test_what_was_nobodys_is_looked_at_again_a_few_times(junk, sizes):
    core = Core()
    made = Engine(core, {"fake": Choosy()})
    steps = [b"x" * 100] * junk + [b"123"]
    told = [
        seen.event.size
        for frame, data in enumerate(steps, 1)
        for seen in made.handle([(0, frame % 2, DATA, frame * 1000, frame, data)])
    ]
    assert told == sizes
    assert core.released == min(junk, TRIES)
    assert core.dropped == (junk > TRIES)


def test_what_a_session_says_while_it_gives_up_goes_with_its_claim():
    assert fed((DATA, 0, b"123"), (CLOSED, 0, 0), protocol=Mistaken)[0] == []
