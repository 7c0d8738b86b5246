"""A watch as a service: it tells systemd how it is, and who parses holds nothing."""

import socket
from pathlib import Path
from signal import SIGTERM

from tests.live.world import PATIENCE, Watch


def test_it_tells_when_it_watches_lives_and_stops(world, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        watch = Watch(world, tmp_path, "--plain")
        assert listening.recv(4096).decode().startswith("READY=1\nSTATUS=watching vb")
        assert listening.recv(4096) == b"WATCHDOG=1"
        watch.signal(SIGTERM)
        heard = b""
        while heard != b"STOPPING=1":
            heard = listening.recv(4096)
        assert watch.process.wait(PATIENCE) == 0


def test_who_parses_is_confined(world, tmp_path):
    watch = Watch(world, tmp_path, "--plain")
    try:
        parser = _parser(watch.process.pid)
        watch.until(lambda: _status(parser)["Seccomp"] == "2")  # it may still be importing
        status = _status(parser)
        assert status["NoNewPrivs"] == "1"
        for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
            assert status[name].strip("0") == "", name
    finally:
        watch.stop()


def _parser(parent):
    """Return the parsing process below *parent*."""
    found = [parent]
    for process in found:
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    workers = [p for p in found if b"live.worker" in Path(f"/proc/{p}/cmdline").read_bytes()]
    return workers[0]


def _status(process):
    rows = Path(f"/proc/{process}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (row.partition(":") for row in rows)}
