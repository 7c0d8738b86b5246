"""Times for people and programs: nanoseconds since 1970 to RFC 3339 in UTC."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_402_300_799 * 1_000_000_000  # the end of year 9999, where the format ends


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(nanoseconds: int) -> str:
    """Return the time with microseconds; times outside the years 1970 to 9999 are clamped."""
    if not 0 <= nanoseconds <= _LAST:
        nanoseconds = min(max(nanoseconds, 0), _LAST)
    seconds, rest = divmod(nanoseconds // 1000, 1_000_000)
    return f"{_second(seconds)}.{rest:06}Z"
