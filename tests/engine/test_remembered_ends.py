"""Who talks with whom: remembered of the flows asked about last, else asked of the core."""

import pytest

from backchannel.contract import Start
from backchannel.engine.run import REMEMBERED, Run
from backchannel.engine.stream import Stream
from backchannel.flows.row import FlowInfo
from backchannel.model import Endpoint


class Core:
    """One that knows flows by their slots, and counts what it is asked."""

    def __init__(self):
        self.asked = []
        self.over = set()

    def info(self, slot):
        if slot in self.over:
            raise KeyError(slot)
        self.asked.append(slot)
        ends = Endpoint("192.0.2.1", 1000 + slot), Endpoint("192.0.2.2", 53)
        return FlowInfo(slot + 1, "udp", *ends, 17)


def streams(count):
    core = Core()
    run = Run(core, lambda _: None)
    made = []
    for slot in range(count):
        ends = core.info(slot)
        start = Start("udp", ends.client, ends.server, number=17, recall=run.recall)
        made.append(Stream(run=run, slot=slot, ends=ends, given=start, now=0))
        run.remember(made[-1])
    core.asked.clear()
    return core, run, made


def test_the_flows_asked_about_last_are_remembered():
    core, _, made = streams(REMEMBERED + 2)
    assert [made[slot].flow.serial for slot in (2, REMEMBERED + 1)] == [3, REMEMBERED + 2]
    assert core.asked == []
    assert (made[0].flow.client.port, made[0].flow.serial, made[0].scope) == (1000, 1, 1)
    assert core.asked == [0]
    assert sum(each.ends is not None for each in made) == REMEMBERED
    assert made[1].given is None
    assert made[1].start.client.port == 1001


def test_what_a_session_begins_with_is_kept_until_it_is_proved_and_made_again():
    core, _, (stream, *_) = streams(REMEMBERED + 1)
    before = stream.start
    stream.settle()
    assert stream.given is None
    assert stream.start == before
    assert core.asked == [0]


def test_what_an_announcement_told_is_kept():
    _, _, (stream,) = streams(1)
    stream.given, stream.announced = (
        Start("udp", stream.flow.client, stream.flow.server, service="aim"),
        True,
    )
    stream.settle()
    assert stream.start.service == "aim"


def test_ends_that_the_bytes_turned_round_stay_so():
    _, _, (stream, *others) = streams(REMEMBERED + 1)
    stream.turned = True
    assert (stream.flow.client.port, stream.flow.server.port) == (53, 1000)
    stream.settle()
    assert stream.start.client.port == 1000  # sessions are told who spoke first
    assert others[0].flow.client.port == 1001


def test_a_flow_that_is_over_is_known_to_its_stream_alone():
    core, run, made = streams(REMEMBERED + 1)
    for stream in made[:2]:
        run.close(stream)
        core.over.add(stream.slot)
    for stream in made[2:]:
        stream.ends = None
        assert stream.flow.serial == stream.slot + 1
    assert [stream.flow.serial for stream in made[:2]] == [1, 2]


def test_a_flow_that_is_over_takes_the_place_of_none_that_goes_on():
    core, run, (first, *others) = streams(REMEMBERED + 1)
    run.close(first)
    assert core.asked == [0]
    assert all(stream.ends is not None for stream in others)


def test_of_what_nobody_knows_any_more_nothing_is_made_up():
    core, _, (stream, *_) = streams(REMEMBERED + 1)
    core.over.add(0)
    with pytest.raises(KeyError):
        assert stream.flow
