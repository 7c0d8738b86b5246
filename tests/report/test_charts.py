"""Charts: what stands on their axes, and where."""

import re
from itertools import pairwise

import pytest

from backchannel.report import charts
from backchannel.report.document import Activity

LABEL = re.compile(
    r'<text x="([\d.]+)" y="[\d.]+" text-anchor="(\w+)" class="small">([^<]*)</text>'
)
GLYPH = 7
"""More than a digit of the small type takes."""


def times(start, step, count):
    """Return the times below a chart: where each begins and ends, and what it says."""
    activity = Activity(start=start, step=step, events={"irc": (1, *[0] * (count - 2), 1)})
    drawn = charts.timeline(activity, {}, {"irc": 0})
    for x, anchor, text in LABEL.findall(drawn):
        size = len(text) * GLYPH
        begin = float(x) - {"start": 0, "middle": size / 2, "end": size}[anchor]
        yield begin, begin + size, text


@pytest.mark.parametrize("count", [2, 3, 50, 121, 239, 240])
@pytest.mark.parametrize("step", [1, 4, 32, 256, 2048, 4096, 65536, 1 << 24])
@pytest.mark.parametrize("start", ["2026-11-21T06:53:08.000000Z", "1970-01-01T00:00:00.000000Z"])
def test_times_never_overlap_and_none_leaves_the_chart(start, step, count):
    told = list(times(start, step, count))
    assert 1 <= len(told) <= charts.TICKS + 1
    assert all(one[1] < other[0] for one, other in pairwise(told))
    assert told[-1][1] <= charts.WIDTH


@pytest.mark.parametrize(
    ("start", "step", "count", "said", "first"),
    [  # the last number: seconds from the start to the first time that is told
        ("2026-11-21T06:53:20.000000Z", 4096, 168, ["2026-11-23", "2026-11-25"], 148_000),
        ("2026-11-21T23:10:00.000000Z", 600, 200, ["11-22 00:00", "11-22 06:00"], 3_000),
        ("2026-11-21T06:53:08.000000Z", 16, 200, ["07:00", "07:10", "07:20"], 412),
        ("2026-11-21T06:53:08.000000Z", 1, 20, ["06:53:10", "06:53:15", "06:53:20"], 2),
    ],
)
def test_times_are_round_and_stand_where_they_are(start, step, count, said, first):
    activity = Activity(start=start, step=step, events={"irc": (1,) * count})
    drawn = LABEL.findall(charts.timeline(activity, {}, {"irc": 0}))
    assert [text for *_, text in drawn][: len(said)] == said
    width = charts.WIDTH - charts.LABELS - 10
    assert float(drawn[0][0]) == pytest.approx(
        charts.LABELS + width * first / step / count, abs=0.1
    )
