"""The recording process: everything from some interfaces into a ring of pcap files on disk.

usage: python -m backchannel.live.recorder    with the order on standard input, which ends it too

On standard output it says `gone INTERFACE` of one that was removed; the socket of one that is back
comes over `arrivals`. At the end: `lost INTERFACE` with the packets that the disk did not take, and
those that the kernel had and dropped.

It has sockets of its own, so that what the parsers do not keep up with is recorded all the same.
Files are `INTERFACE-NANOSECONDS.pcap`, by their first packet. When there are too many bytes, those
go that were written last the longest time ago. When the disk is full they go too, and if that does
not help packets are lost and counted.
"""

import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from backchannel.live import framing, sockets
from backchannel.live.files import is_there
from backchannel.live.ring import pcap_records
from backchannel.live.sockets import Opened
from backchannel.live.source import Source, Sources

SHARE = 32
"""Files that the ring is made of, at least."""
HEADER = struct.Struct("<IHHiIII")
WAKE = 200
"""Milliseconds for which nothing may happen."""
SNAP = 262_144
"""Bytes of a packet that are kept at most, as the files' headers say."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be recorded, and where."""

    captures: tuple[Opened, ...]
    folder: str
    size: int
    arrivals: int
    """Descriptor by which sockets of interfaces come that are back."""


def header(link: int) -> bytes:
    """Return the header of a pcap file with nanoseconds."""
    return HEADER.pack(0xA1B23C4D, 2, 4, 0, 0, SNAP, link)


class Files:
    """One interface's files in the folder of the ring. *size* is how many bytes those of all
    interfaces may have together, and *writers* how many interfaces there are.
    """

    def __init__(self, interface: str, folder: Path, size: int, writers: int) -> None:
        self._interface, self._folder, self._size = interface, folder, size
        self._most = size // SHARE // writers
        self._path, self._fd, self._written = folder, -1, 0

    def put(self, link: int, time: int, data: bytearray) -> bool:
        """Write records of packets, the first of *time*; all of them or none. The oldest files make
        room. Return whether there was any.
        """
        for _ in range(3):
            try:
                self._write(link, time, data)
            except OSError:
                self.close()
                if not trim(self._folder, sum(sizes(self._folder).values()) // 2):
                    return False
                continue
            return True
        return False

    def close(self) -> None:
        """Close the file under way."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _write(self, link: int, time: int, data: bytearray) -> None:
        if self._fd < 0 or self._written >= self._most or self._was_taken():
            self.close()
            trim(self._folder, self._size - self._size // SHARE)
            self._folder.mkdir(parents=True, exist_ok=True)
            name = f"{self._interface}-{time:020d}.pcap".replace("/", "_")
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            self._path = self._folder / name
            self._fd = os.open(self._path, flags, 0o600)
            self._written = os.write(self._fd, header(link))
        at, view = 0, memoryview(data)
        try:
            while at < len(data):
                at += os.write(self._fd, view[at:])
        except OSError:
            os.ftruncate(self._fd, self._written)
            raise
        self._written += at

    def _was_taken(self) -> bool:
        """Say whether the file under way is not in the ring any more: it was the oldest, and made
        room for those of a busier interface, or somebody moved it, its folder or its content.
        """
        held = os.fstat(self._fd)
        return held.st_size < self._written or not is_there(self._path, held)


def sizes(folder: Path) -> dict[Path, int]:
    """Return the bytes of each file of the ring, the one first that was not written for longest: a
    quiet interface's file may have begun before all others and yet have the newest packet.
    """
    found: list[tuple[Path, os.stat_result]] = []
    for path in folder.glob("*.pcap"):
        with suppress(FileNotFoundError):  # somebody deletes them, too
            found.append((path, path.stat()))
    found.sort(key=lambda row: row[1].st_mtime_ns)
    return {path: stat.st_size for path, stat in found}


def trim(folder: Path, size: int) -> int:
    """Delete the oldest files until the others have *size* bytes at most; return how many went."""
    held = sizes(folder)
    total, gone = sum(held.values()), 0
    for path, its in held.items():
        if total <= size:
            break
        try:
            path.unlink(missing_ok=True)
        except OSError:  # it stays, as on a disk that cannot be written any more
            continue
        total -= its
        gone += 1
    return gone


class Recorder:
    """Writes what comes on some interfaces until standard input ends."""

    def __init__(self, order: Order) -> None:
        arrivals = socket.socket(fileno=order.arrivals)
        self._poll = select.poll()
        self._poll.register(0, select.POLLIN | select.POLLHUP)
        self._sources = Sources(order.captures, arrivals, self._poll, self._gone)
        names = [source.name for source in self._sources]
        self._files = {
            name: Files(name, Path(order.folder), order.size, len(names)) for name in names
        }
        self._lost = dict.fromkeys(names, 0)

    def run(self) -> None:
        """Record, at the end what is left in the rings too, and tell what was lost."""
        going = True
        while going:
            for fd, what in self._poll.poll(WAKE):
                if fd == 0:
                    going = bool(os.read(0, 64))
                else:
                    self._sources.hear(fd, what)
            self._read_all()
        time.sleep(sockets.HANDED_OVER)
        self._read_all()
        for source in self._sources:
            self._files[source.name].close()
            source.count()
            lost = self._lost[source.name]
            _tell(f"lost {source.name} {lost} {source.packets} {source.drops}")

    def _read_all(self) -> None:
        for source in self._sources:
            while self._read(source):
                pass

    def _read(self, source: Source) -> bool:
        """Write the next block of a ring; return whether there was one."""
        ring = source.ring
        chunk = ring.next() if ring is not None else None
        if ring is None or chunk is None:
            return False
        count = len(chunk)
        first = next(iter(chunk))[0] if count else 0
        data = pcap_records(chunk)
        ring.release()
        if count and not self._files[source.name].put(source.opened.link, first, data):
            self._lost[source.name] += count
        return True

    def _gone(self, source: Source) -> None:
        """Write what came of an interface that was removed, and ask for its next socket."""
        while self._read(source):
            pass
        self._files[source.name].close()
        _tell(f"gone {source.name}")


def _tell(line: str) -> None:
    with suppress(BrokenPipeError):  # the watch is gone, which the next read says
        os.write(1, f"{line}\n".encode())


def main() -> int:
    """Record what the order on standard input names until standard input ends."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    inbox = framing.Inbox(msgspec.msgpack.Decoder(Order).decode)
    try:
        order = framing.first(partial(os.read, 0), inbox)
    except EOFError:
        return 0
    Recorder(order).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
