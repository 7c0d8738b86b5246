"""What search results call files, so that a download by hash has a name. Kept across flows.

What was learnt last is in `recent`; when that is full it becomes the first of `older`, and the
last of those is forgotten. A value is replaced, never changed.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from backchannel.effects import Remember
from backchannel.events import SharedFile
from backchannel.protocols import Output
from backchannel.protocols.gnutella.ggep import sha1_of

KEY = "gnutella names"
CHUNK, CHUNKS = 256, 16
MAX_NAME = 255


class Known(msgspec.Struct, frozen=True):
    """Names by SHA-1 in hexadecimal."""

    recent: dict[str, str]
    older: tuple[dict[str, str], ...] = ()


class Names:
    """The names that all flows of a run learn."""

    def __init__(self, recall: Callable[[str], Any] | None = None) -> None:
        """*recall* returns what is remembered under a key; without it nothing is learnt."""
        self._recall = recall

    def _known(self) -> Known:
        known: Known | None = self._recall(KEY) if self._recall is not None else None
        return known or Known({})

    def learn(self, files: Iterable[SharedFile]) -> list[Output]:
        """Return what makes all flows know the names of *files* that tell their SHA-1."""
        if self._recall is None:
            return []
        fresh = {
            sha1: file.name[:MAX_NAME]
            for file in files
            if file.name and file.hash and (sha1 := sha1_of(file.hash))
        }
        known = self._known()
        if fresh.items() <= known.recent.items():
            return []
        recent, older = known.recent | fresh, known.older
        if len(recent) >= CHUNK:
            recent, older = {}, (recent, *older)[:CHUNKS]
        return [Remember(key=KEY, value=Known(recent, older))]

    def of(self, urn: str) -> str:
        """Return the name of the file that *urn* stands for; empty where no result named it."""
        if not (sha1 := sha1_of(urn)):
            return ""
        known = self._known()
        found = (chunk[sha1] for chunk in (known.recent, *known.older) if sha1 in chunk)
        return next(found, "")
