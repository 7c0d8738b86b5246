"""`--evidence DIR`: what the guard has seen of each refusal's conversation, as a pcap.

`ID-LINE.pcap`, with the id that the log has. Bounded: when the files are too large together the
oldest go. When the disk is full evidence is lost and counted, and nothing else waits for it.
"""

import contextlib
import os
import re
import struct
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from backchannel.enforce.messages import Seen
from backchannel.enforce.record import Refusal
from backchannel.errors import reason
from backchannel.live.recorder import header

RAW = 101
"""Link type: packets begin with their IP header."""
_RECORD = struct.Struct("<IIII")
_LINE = re.compile(r"[A-Za-z0-9-]{1,48}")


class Evidence:
    """One folder."""

    def __init__(self, folder: Path, limit: int, notice: Callable[[str], object]) -> None:
        """*limit*: bytes of all files together. Raises OSError where the folder cannot be."""
        self._folder, self._limit, self._notice = folder, limit, notice
        self.lost = 0
        """Refusals whose evidence could not be written."""
        self._troubled = False
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        for half in folder.glob("*.pcap.part"):
            half.unlink(missing_ok=True)
        found = [(each.stat().st_mtime_ns, each) for each in folder.glob("*.pcap")]
        self._files = deque((each, each.stat().st_size) for _, each in sorted(found))
        self._size = sum(size for _, size in self._files)

    def write(self, refusal: Refusal, packets: Sequence[Seen]) -> str:
        """Write the conversation of *refusal*; return the file's name, empty for none."""
        if not packets:
            return ""
        line = refusal.line if _LINE.fullmatch(refusal.line) else "line"
        name = f"{refusal.id}-{line}.pcap"
        data = header(RAW) + b"".join(map(_record, packets))
        self._make_room(len(data))
        half = self._folder / f"{name}.part"
        try:
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)  # if somebody deleted it
            with os.fdopen(os.open(half, _FRESH, 0o600), "wb") as out:
                out.write(data)
            half.replace(self._folder / name)
        except OSError as error:
            with contextlib.suppress(OSError):
                half.unlink()
            self._fail(error)
            return ""
        if self._troubled:
            self._troubled = False
            self._notice(f"{self._folder}: evidence is written again; {self.lost:,} were lost")
        self._files.append((self._folder / name, len(data)))
        self._size += len(data)
        return name

    def _make_room(self, size: int) -> None:
        while self._files and self._size + size > self._limit:
            oldest, freed = self._files.popleft()
            self._size -= freed
            with contextlib.suppress(OSError):
                oldest.unlink()

    def _fail(self, error: OSError) -> None:
        self.lost += 1
        if not self._troubled:
            self._notice(f"{self._folder}: {reason(error)}; refusals have no evidence")
        self._troubled = True


_FRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


def _record(seen: Seen) -> bytes:
    time, packet = seen
    seconds, rest = divmod(time, 1_000_000_000)
    return _RECORD.pack(seconds & 0xFFFFFFFF, rest, len(packet), len(packet)) + packet
