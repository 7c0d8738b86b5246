"""A network of one's own for tests: a user and network namespace with two joined interfaces.

`world` is a fixture; what is run in it sees `va` and `vb`, joined, and `lo`. Without the right to
make namespaces tests are skipped, with CI=true they fail.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from signal import SIGTERM

import pytest

PATIENCE = 60
"""Seconds that a test waits for what must come: on a busy machine another process is late."""
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SETUP = """
set -e
ip link set lo up
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link add va mtu 65521 type veth peer name vb mtu 65521
ip link set va up
ip link set vb up
mount -t tmpfs -o size=2m tmpfs /mnt
echo ready
exec sleep 3600
"""


def needs(*programs):
    """Skip the test where a program is missing; with CI=true fail."""
    missing = [name for name in programs if shutil.which(name, path=_path()) is None]
    if missing:
        told = f"not installed: {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)


def _path():
    return os.environ["PATH"] + ":/usr/sbin:/sbin"


class World:
    """The namespaces, held by one process."""

    def __init__(self):
        self.started = []
        self.holder = subprocess.Popen(
            ["unshare", "-Urnm", "bash", "-c", SETUP], stdout=subprocess.PIPE, text=True
        )
        self.ready = self.holder.stdout.readline().strip() == "ready"

    def _inside(self, command):
        pid = str(self.holder.pid)
        enter = ["nsenter", "-t", pid, "-U", "-n", "-m", "--preserve-credentials"]
        return [*enter, f"--wd={ROOT}", *map(str, command)]

    def run(self, *command, check=True, timeout=PATIENCE, **options):
        """Run a command inside to its end."""
        return subprocess.run(
            self._inside(command),
            check=check,
            timeout=timeout,
            env=_environment(),
            capture_output=True,
            text=True,
            **options,
        )

    def start(self, *command, **options):
        """Start a command inside; it is killed at the end."""
        options.setdefault("text", True)
        made = subprocess.Popen(self._inside(command), env=_environment(), **options)
        self.started.append(made)
        return made

    def python(self, text, *arguments, **options):
        """Run Python inside."""
        return self.run(sys.executable, "-c", text, *arguments, **options)

    def replay(self, *captures, pps=0):
        """Send captures into `va`."""
        needs("tcpreplay")
        speed = [f"--pps={pps}"] if pps else ["--topspeed"]
        for capture in captures:
            self.run("tcpreplay", "-q", "-i", "va", *speed, capture)

    def close(self):
        for process in [*self.started, self.holder]:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr, process.stdin):
                if stream is not None:
                    stream.close()


def _environment():
    return {**os.environ, "PATH": _path(), "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}


def make():
    """Return a World, or skip the test."""
    needs("unshare", "nsenter", "ip")
    made = World()
    if not made.ready:
        made.close()
        told = "no network namespace can be made here"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    return made


class Watch:
    """A running `backchannel watch`."""

    def __init__(self, world, folder, *options, interface="vb", **streams):
        self.world, self.folder = world, folder
        self.errors = folder / "stderr"
        self.lines = folder / "stdout"
        with self.errors.open("wb") as err, self.lines.open("wb") as out:
            self.process = world.start(
                sys.executable,
                "-c",
                "from backchannel.cli import main; main()",
                "watch",
                interface,
                *options,
                **{"stdout": out, "stderr": err, **streams},
            )
        if "stdin" not in streams:  # else it has a view, and says nothing
            self.until(lambda: "watching" in self.told() or self.process.poll() is not None)

    def told(self):
        return self.errors.read_text()

    def out(self):
        return self.lines.read_text()

    def until(self, condition, seconds=PATIENCE):
        """Wait for something to be so."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited in vain; it said: {self.told()} {self.out()}"
            time.sleep(0.05)

    def says(self, text, seconds=PATIENCE):
        self.until(lambda: text in self.told(), seconds)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, number=SIGTERM):
        """End it politely, and return its exit code."""
        self.signal(number)
        return self.process.wait(timeout=PATIENCE)
