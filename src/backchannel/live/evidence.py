"""Evidence: the recording of all packets, and the conversation of each finding cut out of it.

`ID-RULE.pcap` holds every packet of the finding's flows that the ring still has. Findings wait a
while, so that the conversation can go on, and are then cut out together in one pass.
"""

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from backchannel import process
from backchannel.detect.model import Finding
from backchannel.errors import reason
from backchannel.live import config, messages, recorder, setup, sockets
from backchannel.live.config import Config
from backchannel.live.crew import FATAL, MINUTE, open_all
from backchannel.live.cut import cut
from backchannel.live.framing import framed
from backchannel.live.sockets import Capture

AT_ONCE = 32
"""Findings that are cut out in one pass."""
WAITING = 1024
"""Findings that may wait to be cut out."""

Notice = Callable[[str], None]


class Evidence:
    """The recorder's process, and the thread that cuts."""

    def __init__(self, wanted: Config, notice: Notice) -> None:
        """Start recording, where it is asked for. Raises UsageError and OSError."""
        self._settings, self._notice = wanted.evidence, notice
        self._waiting: deque[tuple[float, Finding]] = deque()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._gone: set[str] = set()
        self._deaths = process.Deaths(MINUTE)
        self.left = 0
        """Findings without evidence because too many waited."""
        ring = self._settings.ring
        if ring is None:
            return
        for folder in (ring, self._settings.folder):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        self._captures = {each.interface: each for each in setup.captures(wanted)}
        opened = [row[0] for row in open_all(list(self._captures.values()), 1)]
        self._held = {made.interface: made for made in opened}
        self._record()

    def _record(self) -> None:
        """Start the recorder on the sockets that are held."""
        opened, ring = list(self._held.values()), self._settings.ring
        self._said = b""
        self._arrivals, arriving = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = recorder.Order(
            captures=tuple(opened),
            folder=str(ring),
            size=int(self._settings.ring_size),
            arrivals=arriving.fileno(),
        )
        self._process = process.start(
            "live.recorder",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            fds=(arriving.fileno(), *(made.fd for made in opened)),
        )
        assert self._process.stdin is not None
        self._process.stdin.write(framed(msgspec.msgpack.encode(order)))
        self._process.stdin.flush()
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        arriving.close()

    def use(self, settings: config.Evidence) -> None:
        """Go on by other settings; where packets are recorded stays."""
        if settings.folder is not None:
            settings.folder.mkdir(parents=True, exist_ok=True)
        self._settings = settings

    def filter(self, captures: Sequence[Capture]) -> None:
        """Record other packets from now on."""
        if self._process is None:
            return
        for each in captures:
            sockets.attach(each, [self._held[each.interface]])
            self._captures[each.interface] = each

    def want(self, finding: Finding) -> None:
        """Cut out the conversation of *finding*, after a while."""
        if self._settings.folder is None or self._process is None:
            return
        if len(self._waiting) >= WAITING:
            self.left += 1
            return
        self._waiting.append((time.monotonic() + self._settings.wait, finding))

    def work(self) -> None:
        """Begin to cut what has waited long enough; call each second."""
        if self._process is not None and self._process.poll() is not None:
            self._lost(self._process)
        self._hear()
        for name in [each for each in self._gone if sockets.is_up(each)]:
            self._reopen(name)
        if self._thread is not None and self._thread.is_alive():
            return
        if due := self._due(time.monotonic()):
            self._thread = threading.Thread(target=self._cut, args=(due,), daemon=True)
            self._thread.start()

    def _lost(self, process: subprocess.Popen[bytes]) -> None:
        """The recorder died: another goes on with its sockets, where it left off."""
        for end in (process.stdin, process.stdout, self._arrivals):
            assert end is not None
            with contextlib.suppress(OSError):
                end.close()
        told = "the recorder died again"
        if self._deaths.another() < FATAL:
            try:
                self._record()
            except OSError as error:
                told = f"the recorder cannot be started again: {reason(error)}"
            else:
                self._notice("the recorder died and was replaced")
                return
        self._process = None
        self._let_go()
        self._notice(f"{told}; no evidence is kept from now on")

    def close(self) -> None:
        """Stop recording, and cut out what still waits."""
        if self._thread is not None:
            self._thread.join(timeout=60)
        if self._process is None:
            return
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._hear()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._arrivals.close()
        self._let_go()
        self._process = None
        while due := self._due(float("inf")):
            self._cut(due)

    def _let_go(self) -> None:
        """Close the sockets: the kernel keeps a ring in memory for each that is open."""
        for made in self._held.values():
            os.close(made.fd)
        self._held.clear()
        self._gone.clear()

    def _hear(self) -> None:
        """Take what the recorder has said."""
        if self._process is None:
            return
        assert self._process.stdout is not None
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._process.stdout.fileno(), 4096):
                self._said += data
        *lines, self._said = self._said.split(b"\n")
        for line in lines:
            what, name, *numbers = line.decode().split()
            if what == "gone":
                self._gone.add(name)
                continue
            lost, _, drops = map(int, numbers)
            if lost or drops:
                told = f"{lost:,} packets to the disk and {drops:,} in the kernel"
                self._notice(f"the recorder lost {told} of {name}")

    def _reopen(self, name: str) -> None:
        """Open an interface that is back, and hand its socket to the recorder."""
        try:
            (made,) = sockets.open_captures(self._captures[name])
        except (ValueError, OSError):
            return  # tried again; that it cannot be opened is said of the parsers' sockets
        with contextlib.suppress(OSError):
            messages.hand_over(self._arrivals, made)
        os.close(self._held[name].fd)
        self._held[name] = made
        self._gone.discard(name)
        self._notice(f"interface {name} is recorded again")

    def _due(self, now: float) -> list[Finding]:
        out: list[Finding] = []
        while self._waiting and self._waiting[0][0] <= now and len(out) < AT_ONCE:
            out.append(self._waiting.popleft()[1])
        return out

    def _cut(self, findings: Sequence[Finding]) -> None:
        """Write one pcap for each of *findings*."""
        ring, folder = self._settings.ring, self._settings.folder
        assert ring is not None
        assert folder is not None
        try:
            cut(ring, folder, findings)
        except OSError as error:
            told = reason(error)
            self._notice(f"{folder}: {told}; {len(findings)} findings have no evidence")
