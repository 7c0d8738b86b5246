"""Times for people and programs: nanoseconds since 1970 to RFC 3339 in UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_402_300_799 * 1_000_000_000  # the end of year 9999, where the format ends
_WORD = 2**63 - 1
"""The last time in 64 bits, in the year 2262."""

_TWO = [f"{number:02}" for number in range(60)]


class _Clock:
    """Writes seconds since 1970. It remembers the last one and its day, because events come in the
    order of time.
    """

    __slots__ = ("_date", "_day", "_second", "_text")

    def __init__(self) -> None:
        self._second = self._day = -1
        self._date = self._text = ""

    def begin(self, second: int) -> str:
        """Return how the times of *second* begin."""
        if second != self._second:
            day, clock = second // 86400, second % 86400
            if day != self._day:
                self._day = day
                self._date = (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")
            hour, minute = clock // 3600, clock // 60 % 60
            two = _TWO
            self._text = f"{self._date}T{two[hour]}:{two[minute]}:{two[clock % 60]}."
            self._second = second
        return self._text


_clock = _Clock()


def rfc3339(nanoseconds: int) -> str:
    """Return the time with microseconds; times outside the years 1970 to 9999 are clamped."""
    if 0 <= nanoseconds <= _WORD:
        word = nanoseconds
        micros = word // 1000
    else:
        micros = min(max(nanoseconds, 0), _LAST) // 1000
    fraction = micros % 1_000_000
    return f"{_clock.begin(micros // 1_000_000)}{fraction:06}Z"
