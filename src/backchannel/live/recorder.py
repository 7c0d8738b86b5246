"""The recording process: everything from some interfaces into a ring of pcap files on disk.

usage: python -m backchannel.live.recorder    with the order on standard input, which ends it too

On standard output it says `gone INTERFACE` of one that was removed; the socket of one that is back
comes over `arrivals`. At the end: `lost INTERFACE` with the packets that the disk did not take, and
those that the kernel had and dropped.

It has sockets of its own, so that what the parsers do not keep up with is recorded all the same.
Files are `INTERFACE-NANOSECONDS.pcap`; the oldest go when there are too many bytes. When the disk
is full the oldest go too, and if that does not help packets are lost and counted.
"""

import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from backchannel.live import framing, messages, sockets
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
    arrivals: int
    """Descriptor by which sockets of interfaces come that are back."""


def header(link: int) -> bytes:
    """Return the header of a pcap file with nanoseconds."""
    return HEADER.pack(0xA1B23C4D, 2, 4, 0, 0, SNAP, link)


class Track:
    """One interface's files."""

    def __init__(self, opened: Opened, folder: Path, size: int) -> None:
        self._folder, self._size = folder, size
        self._fd, self._written = -1, 0
        self.lost = 0
        """Packets that the disk did not take."""
        self.packets = self.drops = 0
        """Of the kernel, as far as it was asked."""
        self.open(opened)

    def open(self, opened: Opened) -> None:
        """Read from the socket of *opened* from now on."""
        self.opened = opened
        self.ring: Ring | None = Ring(opened.fd, opened.link, opened.block_size, opened.blocks)

    def let_go(self) -> None:
        """The interface is gone: write what came of it, and close its socket."""
        while self.read():
            pass
        self.count()
        self.ring = None
        os.close(self.opened.fd)
        self.close()

    def count(self) -> None:
        """Ask the kernel what it had and dropped."""
        if self.ring is not None:
            packets, drops = sockets.dropped(self.opened.fd)
            self.packets += packets
            self.drops += drops

    def read(self) -> bool:
        """Write the next block; return whether there was one."""
        ring = self.ring
        chunk = ring.next() if ring is not None else None
        if ring is None or chunk is None:
            return False
        count = len(chunk)
        if count:
            first = next(iter(chunk))[0]
            data = pcap_records(chunk)
            ring.release()
            if not self._put(first, data):
                self.lost += count
        else:
            ring.release()
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
    inbox = framing.Inbox(msgspec.msgpack.Decoder(Order).decode)
    try:
        order = framing.first(partial(os.read, 0), inbox)
    except EOFError:
        return 0
    folder, share = Path(order.folder), order.size // len(order.captures)
    tracks = [Track(opened, folder, share) for opened in order.captures]
    _record(tracks, socket.socket(fileno=order.arrivals))
    for track in tracks:
        track.close()
        track.count()
        print("lost", track.opened.interface, track.lost, track.packets, track.drops, flush=True)
    return 0


def _record(tracks: Sequence[Track], arrivals: socket.socket) -> None:
    """Write what comes until standard input ends, and what is left then."""
    poll = select.poll()
    poll.register(0, select.POLLIN | select.POLLHUP)
    poll.register(arrivals, select.POLLIN)
    for track in tracks:
        poll.register(track.opened.fd, select.POLLIN | select.POLLERR)
    going = True
    while going:
        for fd, what in poll.poll(WAKE):
            if fd == 0:
                going = bool(os.read(0, 64))
            elif fd == arrivals.fileno():
                _arrive(arrivals, tracks, poll)
            elif what & select.POLLERR:
                _trouble(fd, tracks, poll)
        for track in tracks:
            while track.read():
                pass
    time.sleep(sockets.HANDED_OVER)
    for track in tracks:
        while track.read():
            pass


def _trouble(fd: int, tracks: Sequence[Track], poll: select.poll) -> None:
    """An interface went down, and its socket will go on when it is up; or it was removed, and the
    socket is dead.
    """
    sockets.error_of(fd)  # which forgets it: else poll would tell it for ever
    for track in tracks:
        if track.ring is not None and track.opened.fd == fd and not sockets.bound(track.opened):
            poll.unregister(fd)
            track.let_go()
            print("gone", track.opened.interface, flush=True)


def _arrive(arrivals: socket.socket, tracks: Sequence[Track], poll: select.poll) -> None:
    """Take the socket of an interface that is back."""
    data, fds, _, _ = socket.recv_fds(arrivals, 4096, 1)
    if not fds:
        poll.unregister(arrivals)
        return
    made = msgspec.structs.replace(messages.opened(data), fd=fds[0])
    for track in tracks:
        if track.opened.interface == made.interface and track.ring is None:
            track.open(made)
            poll.register(made.fd, select.POLLIN | select.POLLERR)
            return
    os.close(made.fd)


if __name__ == "__main__":
    sys.exit(main())
