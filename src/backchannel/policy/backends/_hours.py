"""Hours of a line as stretches that do not pass midnight, as most firewalls want them."""

from collections.abc import Iterator

from backchannel.policy.document import WEEK, Day
from backchannel.policy.model import Hours

MIDNIGHT = 24 * 60
NAMES = dict(
    zip(
        WEEK,
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        strict=True,
    )
)
"""Days as nftables and Cisco IOS write them."""
Stretch = tuple[tuple[Day, ...], int, int]
"""Days of the week, first minute, minute after the last."""


def stretches(hours: Hours) -> Iterator[Stretch]:
    """Yield when *hours* hold; the part after midnight belongs to the next day."""
    days = tuple(day for day in WEEK if day in hours.days) or WEEK
    if hours.start < hours.end:
        yield days, hours.start, hours.end
        return
    if hours.start < MIDNIGHT:
        yield days, hours.start, MIDNIGHT
    if hours.end:
        after = {WEEK[(WEEK.index(day) + 1) % len(WEEK)] for day in days}
        yield tuple(day for day in WEEK if day in after), 0, hours.end
