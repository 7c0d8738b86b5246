"""Times as text, at both ends of what the format can say, against the library's own."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.when import rfc3339

SECOND = 1_000_000_000
LAST = 253_402_300_799 * SECOND


@given(st.integers(0, LAST))
def test_a_time_is_what_the_library_says(nanoseconds):
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)
    assert rfc3339(nanoseconds) == moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [
        (-1, "1970-01-01T00:00:00.000000Z"),
        (-(2**70), "1970-01-01T00:00:00.000000Z"),
        (999, "1970-01-01T00:00:00.000000Z"),
        (86_400 * SECOND - 1, "1970-01-01T23:59:59.999999Z"),
        (2**63, "2262-04-11T23:47:16.854775Z"),
        (LAST + SECOND, "9999-12-31T23:59:59.000000Z"),
        (2**70, "9999-12-31T23:59:59.000000Z"),
    ],
)
def test_times_that_the_format_cannot_say_are_clamped(nanoseconds, shown):
    assert rfc3339(nanoseconds) == shown
