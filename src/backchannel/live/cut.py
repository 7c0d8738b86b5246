"""Cuts the conversations of findings out of the recorder's ring."""

import contextlib
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from backchannel.capture import Damage, Source
from backchannel.capture.records import Chunk
from backchannel.detect.model import Finding
from backchannel.errors import InputError
from backchannel.live import recorder
from backchannel.live.pick import Picker
from backchannel.report.exports.common import endpoint

LARGEST = 256 << 20
"""Bytes of one finding's packets; later ones are left out."""
Talk = tuple[int, str, int, str, int]
"""A finding's number, and the address and port of both ends of a flow."""
_TIME = struct.Struct("<II")
"""Seconds and nanoseconds, with which a record begins."""
_HEADER, _RECORD = recorder.HEADER.size, 16


def cut(ring: Path, folder: Path, findings: Sequence[Finding]) -> None:
    """Write the packets of *findings* that lie in *ring* to files in *folder*, one for each finding
    and kind of link, in the order of their times. Raises OSError.
    """
    picker = Picker([talk for number, each in enumerate(findings) for talk in _talks(number, each)])
    parts: dict[tuple[int, int], _Part] = {}
    left = [LARGEST] * len(findings)
    try:
        for chunk in _chunks(ring):
            for number, link, record in picker.pick(chunk):
                left[number] -= len(record)
                if left[number] < 0:
                    continue
                if (number, link) not in parts:
                    half = folder / f"{_name(findings[number])}-{link}.part"
                    parts[number, link] = _Part(half, link)
                parts[number, link].put(record)
        for number, finding in enumerate(findings):
            own = sorted(link for of, link in parts if of == number)
            for place, link in enumerate(own, 1):
                more = f"-{place}" if place > 1 else ""
                parts[number, link].finish(folder / f"{_name(finding)}{more}.pcap")
    finally:
        for part in parts.values():
            part.drop()


class _Part:
    """The packets of one finding and one kind of link, in a file that has no name yet."""

    def __init__(self, path: Path, link: int) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)  # somebody may have deleted it
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(path, flags, 0o600), "w+b")
        self._file.write(recorder.header(link))
        self._last, self._ordered = (0, 0), True

    def put(self, record: bytes) -> None:
        """Write one more packet, with the header that it has in a pcap file."""
        time = _TIME.unpack_from(record)
        self._ordered = self._ordered and time >= self._last
        self._last = time
        self._file.write(record)

    def finish(self, path: Path) -> None:
        """Give the file its name, with its packets in the order of their times."""
        if not self._ordered:
            self._sort()
        self._file.close()
        self._path.replace(path)

    def drop(self) -> None:
        """Leave nothing behind of what was not finished."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)

    def _sort(self) -> None:
        """Several interfaces have files of the same time."""
        self._file.seek(_HEADER)
        records = sorted(_records(self._file.read()), key=_TIME.unpack_from)
        self._file.seek(_HEADER)
        self._file.writelines(records)


def _records(data: bytes) -> Iterator[memoryview]:
    """Yield the packets of a pcap file, each with its header."""
    view, at = memoryview(data), 0
    while at < len(data):
        size = _RECORD + int.from_bytes(view[at + 8 : at + 12], "little")
        yield view[at : at + size]
        at += size


def _chunks(ring: Path) -> Iterator[Chunk]:
    """Yield everything in the ring, the files by the time of their first packet."""
    for file in sorted(ring.glob("*.pcap"), key=lambda path: path.stem.rpartition("-")[2]):
        with contextlib.suppress(Damage, InputError, FileNotFoundError):  # it is under way, or gone
            yield from Source(str(file)).chunks()


def _name(finding: Finding) -> str:
    return f"{finding.id}-{finding.rule}"


def _talks(number: int, finding: Finding) -> list[Talk]:
    """Return the flows of a finding's evidence."""
    found: dict[Talk, None] = {}
    for place in finding.evidence:
        client, server = endpoint(place.client), endpoint(place.server)
        found[number, client[0], client[1], server[0], server[1]] = None
    return list(found)
