"""A watch that prevents, on a network of the lab, started as a user starts it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.enforce.guarding import until, whole_lines
from tests.enforce.lab import PATIENCE, Net

COMMAND = "from backchannel.cli import main; main()"


class Watching:
    """A watch in a process of its own."""

    def __init__(self, process: subprocess.Popen, folder: Path) -> None:
        self.process, self.folder = process, folder

    def said(self) -> str:
        """What it said of itself."""
        return (self.folder / "err").read_text()

    def matches(self) -> list[tuple[str, str, str]]:
        """(action, service, capability) of everything that the policy spoke of."""
        rows = whole_lines(self.folder / "events")
        return [
            (row["action"], row["service"], row["used"])
            for row in rows
            if row["event"] == "policy-match"
        ]

    def policy(self, text: str) -> None:
        """Write another policy, for a reload."""
        (self.folder / "policy.yaml").write_text("policy: 1\n" + text)

    def stop(self) -> dict[str, int]:
        """End it; return what it counted of what it sent."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.said()
        mark = "backchannel: prevention: "
        lines = [each.removeprefix(mark) for each in self.said().splitlines() if mark in each]
        return {
            what: int(number.replace(",", ""))
            for number, what in (line.split(" ", 1) for line in lines)
        }


@contextmanager
def watch(net: Net, interface: str, policy: str, *options: str) -> Iterator[Watching]:
    """Run a watch with the text of *policy* in *net*."""
    folder = Path("/run/watch")
    folder.mkdir(exist_ok=True)
    path = folder / "policy.yaml"
    path.write_text("policy: 1\n" + policy)
    command = [sys.executable, "-c", COMMAND, "watch", "-q", "-i", interface]
    command += ["--prevent", str(path), "--events", str(folder / "events"), *options]
    with net.inside(), (folder / "err").open("wb") as err:
        process = subprocess.Popen(command, stderr=err, stdout=err, env=os.environ)
    made = Watching(process, folder)
    try:
        assert until(lambda: "watching " in made.said() or process.poll() is not None, 2 * PATIENCE)
        assert process.poll() is None, made.said()
        yield made
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
