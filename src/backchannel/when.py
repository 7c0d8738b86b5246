"""Times for people and programs: nanoseconds since 1970 to RFC 3339 in UTC."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_402_300_799 * 1_000_000_000  # the end of year 9999, where the format ends
_REMEMBERED = 64
_minutes = dict[int, str]()
"""How the times of the last minutes begin."""


@lru_cache(maxsize=64)
def _day(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).strftime("%Y-%m-%d")


def _minute(minutes: int) -> str:
    known = _minutes.get(minutes)
    if known is None:
        if len(_minutes) >= _REMEMBERED:
            _minutes.clear()
        known = f"{_day(minutes // 1440)}T{minutes // 60 % 24:02}:{minutes % 60:02}:"
        _minutes[minutes] = known
    return known


def rfc3339(nanoseconds: int) -> str:
    """Return the time with microseconds; times outside the years 1970 to 9999 are clamped."""
    if not 0 <= nanoseconds <= _LAST:
        nanoseconds = min(max(nanoseconds, 0), _LAST)
    micros = nanoseconds // 1000
    seconds, fraction = micros // 1_000_000, micros % 1_000_000
    second = seconds % 60
    return f"{_minute(seconds // 60)}{second:02}.{fraction:06}Z"
