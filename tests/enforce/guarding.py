"""A guard process on the lab's router, started as a user starts it but for the start-up time."""

import json
import os
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec
from tests.enforce.lab import World, die_with_parent

from backchannel import protocols
from backchannel.catalogue import index, load
from backchannel.enforce.control import ask
from backchannel.enforce.guard import Guard, Options
from backchannel.enforce.messages import Knowledge
from backchannel.policy.load import load as load_policy


@cache
def services():
    """The catalogue; read once, before any test forks."""
    return load.load(protocols=protocols.load())


class Running:
    """A guard in a process of its own."""

    def __init__(self, pid: int, policy: Path, log: Path, control: Path) -> None:
        self.pid, self.policy, self.log, self.control = pid, policy, log, control

    def lines(self) -> list[dict[str, object]]:
        """What it logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def actions(self) -> list[tuple[str, str, str]]:
        """(action, service, capability) of each line."""
        return [
            (each["action"], each["service"], each.get("capability", "")) for each in self.lines()
        ]

    def status(self) -> dict[str, object]:
        """What it answers on its control socket."""
        return json.loads(ask(self.control, "status"))

    @property
    def inspector(self) -> int:
        """Process number of who judges packets."""
        return self.status()["inspector"]

    def reload(self, policy: str) -> dict[str, object]:
        """Have it read another policy."""
        self.policy.write_text("policy: 1\n" + policy)
        return json.loads(ask(self.control, "reload"))


@contextmanager
def guard(world: World, policy: str, **options: object) -> Iterator[Running]:
    """Run a guard with the text of *policy* on the router."""
    folder = Path("/run/guard")
    folder.mkdir(exist_ok=True)
    path, log, control = folder / "policy.yaml", folder / "log", folder / "sock"
    path.write_text("policy: 1\n" + policy)
    log.write_text("")
    ready, written = os.pipe()
    pid = os.fork()
    if not pid:
        _serve(world, path, log, control, written=written, options=options)
    os.close(written)
    said = os.read(ready, 4096).decode()
    assert said == "ready", said
    running = Running(pid, path, log, control)
    try:
        yield running
    finally:
        os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGTERM)
        _, status = os.waitpid(pid, 0)
        broken = 256 if "tell" in options else 0
        assert status in (0, signal.SIGKILL, broken), f"the guard ended with {status}"


def _serve(world, path, log, control, *, written, options) -> None:
    code = 1
    die_with_parent()
    limit, tell = options.pop("limit", None), options.pop("tell", None)

    def load() -> Knowledge:
        rules = load_policy(path, services())
        return Knowledge(
            rules=rules, services=services(), index=index.build(services()), limit=limit
        )

    try:
        file = log.open("ab", buffering=0)
        with world.router.inside():
            made = Guard(
                load,
                Options(control=control, **options),
                tell=tell or (lambda refusal, _: file.write(msgspec.json.encode(refusal) + b"\n")),
            )
            with made:
                made.obey_signals()
                os.write(written, b"ready")
                made.run()
        code = 0
    except BaseException:
        os.write(written, traceback.format_exc().encode()[-4000:])
        traceback.print_exc()
    finally:
        os._exit(code)


def until(condition, patience: float = 10.0) -> bool:
    """Wait until *condition* holds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
