"""How often each service did something, over time, in bins that grow with the run."""

from collections import Counter

BINS = 240
"""Bins at most; when the run outgrows them their width doubles."""
SECOND = 1_000_000_000


class Timeline:
    """Counts per service and bin. Memory is bounded by services x BINS."""

    def __init__(self) -> None:
        self.step = 1
        """Width of a bin in seconds, a power of two."""
        self._bins: dict[str, Counter[int]] = {}
        self._low: int | None = None
        self._high = 0

    def add(self, service: str, time: int) -> None:
        """Count one event of *service* at *time* (ns since 1970)."""
        place = time // (self.step * SECOND)
        bins = self._bins.get(service)
        if bins is None:
            bins = self._bins[service] = Counter()
        bins[place] += 1
        if self._low is None or place < self._low:
            self._low = place
        self._high = max(self._high, place)
        while self._high - self._low >= BINS:
            self._double()

    def _double(self) -> None:
        assert self._low is not None
        self.step *= 2
        self._low, self._high = self._low // 2, self._high // 2
        for service, bins in self._bins.items():
            wider: Counter[int] = Counter()
            for place, count in bins.items():
                wider[place // 2] += count
            self._bins[service] = wider

    @property
    def start(self) -> int:
        """Beginning of the first bin, in ns since 1970; 0 while nothing was counted."""
        return (self._low or 0) * self.step * SECOND

    def series(self) -> dict[str, tuple[int, ...]]:
        """Return each service's counts, all of one length, first bin first."""
        if self._low is None:
            return {}
        places = range(self._low, self._high + 1)
        return {
            service: tuple(bins[place] for place in places)
            for service, bins in sorted(self._bins.items())
        }
