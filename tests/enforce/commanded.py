"""`backchannel guard` on the lab's router, started with a configuration as a service is."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.enforce.guarding import current, until, whole_lines
from tests.enforce.lab import PATIENCE, World

from backchannel.enforce.control import ask

COMMAND = (sys.executable, "-c", "from backchannel.cli import main; main()", "guard")
CONTROL = Path("/run/guard.sock")


class Commanded:
    """A running guard."""

    def __init__(self, world: World, process: subprocess.Popen[bytes], said: Path) -> None:
        self.world, self.process, self._said = world, process, said

    @property
    def said(self) -> str:
        """What it wrote on standard error."""
        return self._said.read_text()

    def status(self) -> dict[str, object]:
        """What it answers, with the figures of now."""
        return current(lambda: json.loads(ask(CONTROL, "status")))

    def shown(self) -> str:
        """What `guard status` shows of it."""
        command = [*COMMAND, "status", "--control", str(CONTROL)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def log(self) -> list[dict[str, object]]:
        """The lines of its log."""
        return whole_lines(Path("/run/log/guard.jsonl"))

    def metrics(self, port: int = 9470) -> dict[str, float]:
        """Its figures by name and labels."""
        with self.world.router.inside():
            page = urllib.request.urlopen(
                f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE
            ).read()
        rows = (line for line in page.decode().splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in (row.rpartition(" ") for row in rows)}

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End it; return its exit code."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


def configure(policy: str, config: str) -> None:
    """Write what it reads."""
    Path("/run/policy.yaml").write_text(f"policy: 1\n{policy}\n")
    Path("/run/guard.toml").write_text(
        f'[guard]\npolicy = "/run/policy.yaml"\ncontrol = "{CONTROL}"\n{config}'
    )


@contextmanager
def commanded(world: World, policy: str, config: str) -> Iterator[Commanded]:
    """Run a guard by the text of a policy and of the rest of a configuration."""
    configure(policy, config)
    said = Path(f"/run/said-{os.urandom(4).hex()}")
    with world.router.inside(), said.open("wb") as out:
        process = subprocess.Popen(
            [*COMMAND, "--config", "/run/guard.toml"], stderr=out, stdout=subprocess.DEVNULL
        )
    made = Commanded(world, process, said)
    try:
        ready = until(lambda: "guarding forward" in made.said or process.poll() is not None)
        assert ready, made.said
        assert process.poll() is None, made.said
        yield made
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(PATIENCE)
