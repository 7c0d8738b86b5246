"""Two clocks against packets whose true times are known."""

import random

import pytest
from tests.diagnose.test_recorded import side

from backchannel.diagnose.clocks import SECOND, compare
from backchannel.diagnose.doctor import diagnose


def journey(count, *, apart, delay, offset=0, drift=0.0, jitter=0, near="initiator"):
    """Packets of both ends in turn, *apart*, as two places stamp them. The end at the near place is
    seen there first.
    """
    rng, start = random.Random(1), 1_700_000_000 * SECOND
    for number in range(count):
        who = ("initiator", "responder")[number % 2]
        true = start + number * apart
        there = true + delay + rng.randrange(jitter + 1)
        here, beyond = (true, there) if who == near else (there, true)
        yield here, beyond + offset + int((beyond - start) * drift), who


@pytest.mark.parametrize("near", ["initiator", "responder"])
@pytest.mark.parametrize("drift", [0.0, 1e-4, -1e-4])
@pytest.mark.parametrize("delay", [20_000, 30_000_000])
def test_hours_of_a_clock_that_runs_wrong(near, drift, delay):
    """Two hours: the drift is 700 ms, the delay may be 20 us."""
    seen = list(
        journey(14_400, apart=SECOND // 2, delay=delay, offset=-5 * SECOND, drift=drift, near=near)
    )
    clocks = compare(seen)
    assert clocks.near_role == near
    assert clocks.certain
    assert abs(clocks.drift - drift) < 1e-7
    assert abs(clocks.delay - delay) < 60_000  # what the drift makes of half a second
    for here, there, who in seen:
        late = clocks.delay if who == near else -clocks.delay
        assert abs(clocks.to_far(here) + late - there) < 1_000_000
        assert abs(clocks.to_near(there) + (-late) - here) < 1_000_000


def test_jitter_is_no_drift():
    seen = list(journey(4_000, apart=SECOND // 10, delay=10_000_000, jitter=8_000_000))
    clocks = compare(seen)
    assert clocks.near_role == "initiator"
    assert abs(clocks.drift) < 2e-5
    assert abs(clocks.offset) < 4_000_000


def test_packets_that_are_never_close_together():
    seen = list(journey(40, apart=60 * SECOND, delay=30_000_000, offset=SECOND))
    clocks = compare(seen)
    assert (clocks.near_role, clocks.certain) == ("initiator", True)
    assert abs(clocks.offset - SECOND) < 1_000_000


def test_one_end_alone_tells_no_delay():
    seen = [
        each for each in journey(20, apart=SECOND, delay=7, offset=100) if each[2] == "initiator"
    ]
    clocks = compare(seen)
    assert (clocks.offset, clocks.delay, clocks.certain) == (107, None, False)


def test_nothing_in_common():
    assert compare([]).offset is None


@pytest.mark.parametrize("name", ["answers-500-dropped", "esp-one-way", "answers-4500-dropped"])
def test_the_captures_may_be_given_in_either_order(name):
    """Of the first only the initiator's packets are at both places: clocks do not tell the order,
    and what was lost does.
    """
    near, far = side(name, "near"), side(name, "far")
    assert certain(diagnose(near, far)) == certain(diagnose(far, near))


def certain(told):
    return {(found.certainty, found.id) for each in told.gateways for found in each.conclusions}
