"""The recording process: everything from some interfaces into a ring of pcap files on disk.

usage: python -m backchannel.live.recorder    with the order on standard input, which ends it too

It has sockets of its own, so that what the parsers do not keep up with is recorded all the same.
Files are `INTERFACE-NANOSECONDS.pcap`; the oldest go when there are too many bytes. When the disk
is full the oldest go too, and if that does not help packets are lost and counted.
"""

import os
import select
import signal
import struct
import sys
from pathlib import Path

import msgspec

from backchannel.live import sockets
from backchannel.live.ring import Ring, pcap_records
from backchannel.live.sockets import Opened

SHARE = 32
"""Files that the ring is made of, at least."""
HEADER = struct.Struct("<IHHiIII")
WAKE = 200
SNAP = 262_144


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be recorded, and where."""

    captures: tuple[Opened, ...]
    folder: str
    size: int


def header(link: int) -> bytes:
    """Return the header of a pcap file with nanoseconds."""
    return HEADER.pack(0xA1B23C4D, 2, 4, 0, 0, SNAP, link)


class Track:
    """One interface's files."""

    def __init__(self, opened: Opened, folder: Path, size: int) -> None:
        self.opened, self._folder, self._size = opened, folder, size
        self.ring = Ring(opened.fd, opened.link, opened.block_size, opened.blocks)
        self._fd, self._written = -1, 0
        self.lost = 0
        """Packets that the disk did not take."""

    def read(self) -> bool:
        """Write the next block; return whether there was one."""
        chunk = self.ring.next()
        if chunk is None:
            return False
        count = len(chunk)
        if count:
            first = next(iter(chunk))[0]
            data = pcap_records(chunk)
            self.ring.release()
            if not self._put(first, data):
                self.lost += count
        else:
            self.ring.release()
        return True

    def close(self) -> None:
        """Close the file under way."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _put(self, time: int, data: bytearray) -> bool:
        """Write *data*, all of it or nothing. The oldest files make room."""
        for _ in range(3):
            try:
                self._write(time, data)
            except OSError:
                self.close()
                if not trim(self._folder, self._held() // 2):
                    return False
                continue
            return True
        return False

    def _write(self, time: int, data: bytearray) -> None:
        if self._fd < 0 or self._written >= self._size // SHARE:
            self.close()
            trim(self._folder, self._size - self._size // SHARE)
            name = f"{self.opened.interface}-{time:020d}.pcap".replace("/", "_")
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._fd = os.open(self._folder / name, flags, 0o600)
            self._written = os.write(self._fd, header(self.opened.link))
        at, view = 0, memoryview(data)
        try:
            while at < len(data):
                at += os.write(self._fd, view[at:])
        except OSError:
            os.ftruncate(self._fd, self._written)
            raise
        self._written += at

    def _held(self) -> int:
        return sum(path.stat().st_size for path in self._folder.glob("*.pcap"))


def trim(folder: Path, size: int) -> int:
    """Delete the oldest files until the others have *size* bytes at most; return how many went."""
    files = sorted(folder.glob("*.pcap"), key=lambda path: path.stem.rpartition("-")[2])
    sizes = [path.stat().st_size for path in files]
    total, gone = sum(sizes), 0
    while total > size and gone < len(files):
        files[gone].unlink(missing_ok=True)
        total -= sizes[gone]
        gone += 1
    return gone


def main() -> int:
    """Record until standard input ends, then what is left in the rings."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    order = msgspec.msgpack.decode(_first(), type=Order)
    folder, share = Path(order.folder), order.size // len(order.captures)
    tracks = [Track(opened, folder, share) for opened in order.captures]
    poll = select.poll()
    poll.register(0, select.POLLIN | select.POLLHUP)
    for track in tracks:
        poll.register(track.opened.fd, select.POLLIN | select.POLLERR)
    going = True
    while going:
        for fd, what in poll.poll(WAKE):
            if fd == 0:
                going = bool(os.read(0, 64))
            elif what & select.POLLERR:
                sockets.error_of(fd)
                if not sockets.bound(fd):
                    poll.unregister(fd)
        for track in tracks:
            while track.read():
                pass
    for track in tracks:
        while track.read():
            pass
        track.close()
        print(track.opened.interface, track.lost, *sockets.dropped(track.opened.fd), flush=True)
    return 0


def _first() -> bytes:
    size = int.from_bytes(_exactly(4), "little")
    return _exactly(size)


def _exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            raise SystemExit(0)
        data += more
    return data


if __name__ == "__main__":
    sys.exit(main())
