"""The timeline keeps counts whatever the span, in a bounded number of bins."""

from hypothesis import given
from hypothesis import strategies as st

from backchannel.report.timeline import BINS, SECOND, Timeline
from backchannel.when import rfc3339


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2**62)), max_size=50))
def test_no_event_is_lost_and_the_bins_are_bounded(seen):
    line = Timeline()
    for service, time in seen:
        line.add(service, time)
    series = line.series()
    assert sum(map(sum, series.values())) == len(seen)
    assert all(len(counts) <= BINS for counts in series.values())
    if seen:
        first = min(time for _, time in seen)
        assert line.start <= first < line.start + line.step * SECOND


def test_short_runs_keep_whole_seconds():
    line = Timeline()
    for second in (10, 10, 12):
        line.add("aim", second * SECOND + 5)
    assert (line.step, line.start, line.series()) == (1, 10 * SECOND, {"aim": (2, 0, 1)})


def test_times_are_clamped_to_what_the_format_can_say():
    assert rfc3339(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456Z"
    assert rfc3339(-5) == "1970-01-01T00:00:00.000000Z"
    assert rfc3339(2**70).startswith("9999-12-31")
