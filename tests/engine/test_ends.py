"""The ends of a stream: whoever decodes it learns of them, in its own view of the sides."""

import pytest
from tests.engine.test_loop import Core, Fake

from backchannel.effects import FileData, FileOpen, Inner, Open
from backchannel.engine.engine import Engine
from backchannel.events import Gap, Transfer
from backchannel.flows.core import CLOSED, DATA, END
from backchannel.model import MORE, Claim, Side, Standing

STEPS = [(DATA, 0, b"hello"), (END, 0, 0), (DATA, 1, b"well?"), (END, 1, 0), (CLOSED, 0, 0)]


class Session:
    """Notes what it is told; `heard` is its class's."""

    service, standing, done = "aim", Standing.PARSED, False
    heard: list[tuple[str, Side]]

    def __init__(self, _start):
        self.__class__.heard = []

    def feed(self, side, _data):
        self.heard.append(("data", side))
        return []

    def end(self, side):
        self.heard.append(("end", side))
        return []


class Other(Session):
    """The same, of another protocol."""


class Answered(Fake):
    """A protocol that is known by what the server says."""

    name, session = "answered", Session

    @staticmethod
    def recognise(peek):
        return Claim("answered") if peek.server else MORE


class Tunnel(Fake):
    """A protocol whose client is the end that listens; all it carries is another's."""

    name = "tunnel"

    class session(Session):  # noqa: N801 - as the protocol calls it
        def feed(self, side, data):
            opened = Open(channel="", host="198.51.100.1", port=99)
            return [*super().feed(side, data), opened, Inner(side=side, data=data)]

    @staticmethod
    def recognise(peek):
        return Claim("tunnel", flipped=True) if peek.start.server.port != 99 else None


class Carried(Fake):
    """What it carries."""

    name, session = "carried", Other

    @staticmethod
    def recognise(peek):
        return Claim("carried") if peek.start.server.port == 99 else None


class Several(Core):
    """A core where the bytes may be those of any protocol."""

    def fitting(self, *_, **__):
        return [0, 1]


class Early(Fake):
    """A protocol that learns from an end that it was wrong."""

    name = "early"

    class session(Session):  # noqa: N801 - as the protocol calls it
        standing = Standing.CLAIMED

        def end(self, side):
            self.standing = Standing.REFUTED
            return super().end(side)

    @staticmethod
    def recognise(_peek):
        return Claim("early")


def run(core, *protocols):
    made = Engine(core, {each.name: each() for each in protocols})
    for frame, (kind, way, data) in enumerate(STEPS, 1):
        made.handle([(0, way, kind, frame * 1000, frame, data)])


def test_an_end_from_before_the_claim_is_told_once():
    run(Core(), Answered)
    assert [side for what, side in Session.heard if what == "end"] == [Side.CLIENT, Side.SERVER]
    assert [side for what, side in Session.heard if what == "data"] == [Side.CLIENT, Side.SERVER]


def test_what_a_tunnel_carries_learns_which_of_its_own_sides_ended():
    run(Several(), Tunnel, Carried)
    said = [
        ("data", Side.SERVER),
        ("end", Side.SERVER),
        ("data", Side.CLIENT),
        ("end", Side.CLIENT),
    ]
    assert Tunnel.session.heard == said
    assert Other.heard == said


class Whole(Tunnel):
    """A tunnel that has nothing to say once it is open."""

    class session(Session):  # noqa: N801 - as the protocol calls it
        def feed(self, side, data):
            opened = Open(channel="", host="198.51.100.1", port=99, whole=True)
            return [*super().feed(side, data), opened, Inner(side=side, data=data)]


def test_what_is_all_of_one_inner_stream_comes_to_it_without_the_tunnels_session():
    run(Several(), Whole, Carried)
    assert Whole.session.heard == [
        ("data", Side.SERVER),
        ("end", Side.SERVER),
        ("end", Side.CLIENT),
    ]
    assert Other.heard == [
        ("data", Side.SERVER),
        ("end", Side.SERVER),
        ("data", Side.CLIENT),
        ("end", Side.CLIENT),
    ]


def test_a_claim_that_an_end_refutes_gives_way_to_the_next():
    run(Several(), Early, Answered)
    assert Early.session.heard == [("data", Side.CLIENT), ("end", Side.CLIENT)]
    assert [what for what, _ in Session.heard] == ["data", "data", "end", "end"]


class Closing(Fake):
    """A protocol that tells something when its stream ends, here or in a stream of several flows,
    and opens a file that several flows bring.
    """

    name = "closing"

    class session(Session):  # noqa: N801 - as the protocol calls it
        def __init__(self, start):
            super().__init__(start)
            self.inner = start.server.port == 99

        def feed(self, side, data):
            opened = Open(channel="", host="198.51.100.1", port=99, shared=True)
            carried = Inner(channel="", side=side, data=data, shared=True)
            file = FileOpen(key="f", shared=True, name="f.txt")
            piece = FileData(key="f", offset=0, data=data, shared=True)
            return [] if self.inner else [opened, carried, file, piece]

        def end(self, _side):
            return [Gap(size=1 + self.inner)]

    @staticmethod
    def recognise(_peek):
        return Claim("closing")


def test_what_only_an_end_tells_belongs_to_the_last_packet_with_bytes():
    made = Engine(Core(), {"closing": Closing()})
    made.handle([(0, 0, DATA, 1000, 1, b"ask"), (0, 1, DATA, 2000, 2, b"answer")])
    closed = made.handle([(0, 0, CLOSED, 9000, 9, 0)])
    assert [(seen.event.size, seen.frame) for seen in closed] == [(1, 2)] * 2
    finished = made.finish()
    sizes = [seen.event.size for seen in finished if isinstance(seen.event, Gap)]
    assert sizes == [2, 2]
    assert isinstance(finished[-1].event, Transfer)
    assert [(seen.time, seen.frame) for seen in finished] == [(2000, 2)] * 3


@pytest.mark.parametrize(("hours", "told"), [(5, 0), (7, 1)])
def test_a_shared_file_of_which_nothing_comes_any_more_is_told_amid_the_run(hours, told):
    """A watch may go on for months: it must not keep for its end what nobody will finish."""
    made = Engine(Core(), {"closing": Closing()})
    made.handle([(0, 0, DATA, 1000, 1, b"ask"), (0, 1, DATA, 2000, 2, b"answer")])
    idle = (99, 0, CLOSED, hours * 3_600_000_000_000, 9, 0)
    seen = made.handle([idle] * 70_000)
    assert [(one.event.name, one.time, one.frame) for one in seen] == [("f.txt", 2000, 2)] * told
    assert sum(isinstance(one.event, Transfer) for one in made.finish()) == 1 - told


class Bringing(Fake):
    """A protocol whose flows bring one file between them, each opening it with its first bytes."""

    name = "bringing"

    class session(Session):  # noqa: N801 - as the protocol calls it
        def __init__(self, start):
            super().__init__(start)
            self.opened = False

        def feed(self, _side, data):
            opening = [] if self.opened else [FileOpen(key="f", shared=True, name="f", size=99)]
            self.opened = True
            return [*opening, FileData(key="f", offset=data[0], data=data[1:], shared=True)]

    @staticmethod
    def recognise(_peek):
        return Claim("bringing")


def test_a_file_whose_bytes_still_come_is_not_given_up():
    """Whoever opened it last may be done long before another has brought the rest."""
    made, hour = Engine(Core(), {"bringing": Bringing()}), 3_600_000_000_000
    made.handle([(0, 0, DATA, 1000, 1, b"\x00first"), (1, 0, DATA, 2000, 2, b"\x50last")])
    for now in range(1, 10):
        brought = (0, 0, DATA, now * hour, 2 + now, bytes([10 * now]) + b"more")
        idle = (99, 0, CLOSED, now * hour, 99, 0)
        assert made.handle([brought, *[idle] * 70_000]) == []
    (told,) = made.finish()
    assert (told.frame, told.event.seen) == (11, 5 + 4 + 9 * 4)
