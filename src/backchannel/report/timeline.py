"""How often each service did something, over time, in bins that grow with the run."""

BINS = 240
"""Bins at most; when the run outgrows them their width doubles."""
SECOND = 1_000_000_000


class Timeline:
    """Counts per service and bin. Memory is bounded by services x BINS."""

    def __init__(self) -> None:
        self._width = SECOND
        self._bins: dict[str, dict[int, int]] = {}
        self._low, self._high = 0, -1  # nothing yet
        self._service, self._place, self._count = "", 0, 0
        """What was counted last, and not put into its bin yet: most events fall into the same."""

    def add(self, service: str, time: int, events: int = 1) -> None:
        """Count *events* of *service* at *time* (ns since 1970)."""
        place = time // self._width
        if place != self._place or service is not self._service:
            self._put()  # which may make the bins wider
            self._service, self._place = service, time // self._width
        self._count += events

    def _put(self) -> None:
        """Put what was counted into its bin."""
        if not self._count:
            return
        place = self._place
        bins = self._bins.setdefault(self._service, {})
        bins[place] = bins.get(place, 0) + self._count
        self._count = 0
        if not self._low <= place <= self._high:
            self._stretch(place)

    def _stretch(self, place: int) -> None:
        """Take a bin in that lies outside of all others."""
        if self._low > self._high:
            self._low = self._high = place
        self._low, self._high = min(self._low, place), max(self._high, place)
        while self._high - self._low >= BINS:
            self._double()

    def _double(self) -> None:
        self._width *= 2
        self._low, self._high = self._low // 2, self._high // 2
        for service, bins in self._bins.items():
            wider: dict[int, int] = {}
            for place, count in bins.items():
                wider[place // 2] = wider.get(place // 2, 0) + count
            self._bins[service] = wider

    @property
    def step(self) -> int:
        """Width of a bin in seconds, a power of two."""
        self._put()
        return self._width // SECOND

    @property
    def start(self) -> int:
        """Beginning of the first bin, in ns since 1970; 0 while nothing was counted."""
        self._put()
        return self._low * self._width

    def series(self) -> dict[str, tuple[int, ...]]:
        """Return each service's counts, all of one length, first bin first."""
        self._put()
        places = range(self._low, self._high + 1)
        return {
            service: tuple(bins.get(place, 0) for place in places)
            for service, bins in sorted(self._bins.items())
        }
