"""Times for people and programs: nanoseconds since 1970 to RFC 3339 in UTC."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_402_300_799 * 1_000_000_000  # the end of year 9999, where the format ends
_WORD = 2**63 - 1
"""The last time in 64 bits, in the year 2262."""
_REMEMBERED = 1024
_seconds = dict[int, str]()
"""How the times of the last seconds begin."""


@lru_cache(maxsize=64)
def _day(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).strftime("%Y-%m-%d")


def _second(seconds: int) -> str:
    known = _seconds.get(seconds)
    if known is None:
        if len(_seconds) >= _REMEMBERED:
            _seconds.clear()
        clock = seconds % 86400
        hour, minute = clock // 3600, clock // 60 % 60
        known = f"{_day(seconds // 86400)}T{hour:02}:{minute:02}:{clock % 60:02}."
        _seconds[seconds] = known
    return known


def rfc3339(nanoseconds: int) -> str:
    """Return the time with microseconds; times outside the years 1970 to 9999 are clamped."""
    if 0 <= nanoseconds <= _WORD:
        word = nanoseconds
        micros = word // 1000
    else:
        micros = min(max(nanoseconds, 0), _LAST) // 1000
    fraction = micros % 1_000_000
    return f"{_second(micros // 1_000_000)}{fraction:06}Z"
