"""A network namespace that stays while a test lasts, and the command run inside it."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from backchannel.cli import main; main()", "policy"]
GATE = """#!/bin/sh
# Waits at the gate before and after the kernel's rules are changed, where the gate is armed.
real=$(PATH=/usr/sbin:/sbin:/usr/bin:/bin command -v {program})
case "$*" in
    {changes}) ;;
    *) exec "$real" "$@" ;;
esac
if [ ! -e "$GATE/armed" ] || [ "$(readlink /proc/self/ns/net)" != "$PLACE" ]; then
    exec "$real" "$@"
fi
touch "$GATE/before"
while [ -e "$GATE/armed" ] && [ ! -e "$GATE/go" ]; do sleep 0.02; done
"$real" "$@"
code=$?
touch "$GATE/after"
while [ -e "$GATE/armed" ] && [ ! -e "$GATE/leave" ]; do sleep 0.02; done
exit $code
"""


def need(*programs):
    """Skip, or fail in continuous integration, where a program is missing."""
    missing = [name for name in programs if not shutil.which(name, path="/usr/sbin:/sbin:/usr/bin")]
    if missing:
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell(f"needs {', '.join(missing)}; tools/setup installs it where it can")


PATIENCE = 60
"""Seconds that a test waits for what must come: on a busy machine another process is late."""
HEEDING = ("env", "--default-signal=INT")
"""SIGINT ends what is started so, though whoever runs the tests ignores it (`&` in a script)."""


class Place:
    """A namespace, a folder for state, and gates before the programs that change rules."""

    def __init__(self, folder):
        rights = [] if os.geteuid() == 0 else ["--map-root-user"]
        words = ["unshare", "--net", *rights, "sh", "-c", "echo here; exec sleep 3600"]
        self._holder = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self._holder.stdout.readline() != b"here\n":
            why = self._holder.stderr.read().decode()
            tell = pytest.fail if os.environ.get("CI") else pytest.skip
            tell(f"needs user and network namespaces: {why}")
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self._enter = ["nsenter", "-t", str(self._holder.pid), *user, "--net"]
        self.state, self.gate, programs = folder / "state", folder / "gate", folder / "bin"
        self.gate.mkdir()
        programs.mkdir()
        for program, changes in (("nft", "-f*"), ("iptables-restore", "--noflush*")):
            script = programs / program
            script.write_text(GATE.format(program=program, changes=changes))
            script.chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "GATE": str(self.gate),
            "PLACE": str(Path(f"/proc/{self._holder.pid}/ns/net").readlink()),
        }
        self.environment.pop("SSH_CONNECTION", None)
        self.running = []

    def close(self):
        """End everything that was started here."""
        self.disarm()
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._holder.kill()
        self._holder.communicate()

    def run(self, *words, text=None):
        """Run a program to its end."""
        return subprocess.run(
            [*self._enter, *map(str, words)],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * PATIENCE,
            env=self.environment,
        )

    def policy(self, *words, code=None, **more):
        """Run `backchannel policy`; *more* joins its environment."""
        self.environment |= more
        ran = self.run(*COMMAND, *words, "--state", self.state)
        assert code is None or ran.returncode == code, (ran.returncode, ran.stdout, ran.stderr)
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran

    def start(self, *words, heard=subprocess.DEVNULL):
        """Start `backchannel policy`, and return its process; what it says goes to *heard*."""
        process = subprocess.Popen(
            [*self._enter, *HEEDING, *COMMAND, *map(str, words), "--state", str(self.state)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=heard,
            env=self.environment,
            text=True,
        )
        self.running.append(process)
        return process

    def arm(self):
        """Close the gates."""
        (self.gate / "armed").touch()

    def disarm(self):
        """Open the gates, for good."""
        (self.gate / "armed").unlink(missing_ok=True)

    def ours(self):
        """Return everything of ours in the kernel, whichever firewall holds it."""
        tables = json.loads(self.run("nft", "-j", "list", "ruleset").stdout)["nftables"]
        found = [t for t in tables if "backchannel" in json.dumps(t).lower()]
        sets = self.run("ipset", "list", "-n").stdout.split()
        return found + [name for name in sets if name.startswith("bc_")]

    def guardian(self):
        """Return the process id of the guardian of this place's state."""
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if b"backchannel.apply.guardian" in words and str(self.state).encode() in words:
                    return int(folder.name)
        return None


def until(test, seconds=PATIENCE):
    """Wait until *test* gives something true, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = test()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")
