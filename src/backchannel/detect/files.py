"""Scans each extracted file with the engines that were asked for. See extract/scanners.py."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from backchannel.detect.events import FileMatched
from backchannel.engine.observation import Observation
from backchannel.events import Transfer
from backchannel.extract.scanners import Match, Scanner, Unscanned, judge

MATCHES = 32
"""Matches of one engine that are told for one file."""
KNOWN = 10_000
"""Files whose verdict is remembered, since the same one often goes over the wire many times."""


class FileScan:
    """Follows transfers: those that are complete lie in the folder under their SHA-256."""

    def __init__(self, folder: Path, scanners: Sequence[Scanner]) -> None:
        self._folder, self._scanners = folder, scanners
        self._known: dict[str, tuple[Match, ...]] = {}
        self.counters: Counter[str] = Counter()

    def follow(self, seen: Observation) -> Iterator[FileMatched]:
        """Tell what the engines find in a file that arrived whole; others are counted."""
        event = seen.event
        if not isinstance(event, Transfer) or not event.seen:
            return
        path = self._folder / event.sha256
        if not event.sha256 or not path.is_file():
            self.counters["files not scanned: incomplete"] += 1
            return
        for match in self._judged(path, event.sha256):
            yield FileMatched(
                use=event.use,
                sender=event.sender,
                recipient=event.recipient,
                name=event.name,
                sha256=event.sha256,
                engine=match.engine,
                rule=match.rule,
            )

    def _judged(self, path: Path, sha256: str) -> tuple[Match, ...]:
        known = self._known.get(sha256)
        if known is None:
            known = tuple(match for each in self._scanners for match in self._ask(each, path))
            if len(self._known) < KNOWN:
                self._known[sha256] = known
        return known

    def _ask(self, scanner: Scanner, path: Path) -> list[Match]:
        try:
            found = judge(scanner, path, path.name)
        except Unscanned as error:
            self.counters[f"files not scanned by {scanner.name}: {error}"] += 1
            return []
        if len(found) > MATCHES:
            self.counters[f"matches of {scanner.name} not told: too many"] += len(found) - MATCHES
        return found[:MATCHES]
