"""A guard process on the lab's router, started as a user starts it but for the start-up time."""

import json
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec
from tests.enforce.lab import PATIENCE, World, die_with_parent

from backchannel import protocols
from backchannel.catalogue import index, load
from backchannel.enforce.control import ask
from backchannel.enforce.guard import Guard, Options
from backchannel.enforce.messages import Knowledge
from backchannel.policy.load import load as load_policy

Action = tuple[str, str, str]


@cache
def services():
    """The catalogue; read once, before any test forks."""
    return load.load(protocols=protocols.load())


class Running:
    """A guard in a process of its own."""

    def __init__(self, pid: int, policy: Path, log: Path, control: Path) -> None:
        self.pid, self.policy, self.log, self.control = pid, policy, log, control

    def lines(self) -> list[dict[str, object]]:
        """What it logged so far; everything, once the guard has ended."""
        return whole_lines(self.log)

    def actions(self) -> list[Action]:
        """(action, service, capability) of each line."""
        return [
            (each["action"], each["service"], each.get("capability", "")) for each in self.lines()
        ]

    def told(self, *wanted: Action) -> list[Action]:
        """The actions that it logged, as soon as all *wanted* (or any) are there, or in vain."""
        until(lambda: self.actions() and set(wanted) <= set(self.actions()))
        return self.actions()

    def answer(self) -> dict[str, object]:
        """What it answers on its control socket, as it is."""
        return json.loads(ask(self.control, "status"))

    def status(self) -> dict[str, object]:
        """What it answers, with the figures of now: all that was judged up to here is counted."""
        return current(self.answer)

    @property
    def inspector(self) -> int:
        """Process number of who judges packets; it need not answer."""
        return self.answer()["inspector"]

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


def whole_lines(path: Path) -> list[dict[str, object]]:
    """The documents of a file of JSON lines that somebody may be writing."""
    *lines, _ = path.read_text().split("\n")
    return [json.loads(line) for line in lines]


def current(ask: Callable[[], dict[str, object]]) -> dict[str, object]:
    """Ask a guard until its answer holds the figures of now; return it."""
    answer: dict[str, object] = {}

    def asked() -> bool:
        answer.update(ask())
        return bool(answer["current"])

    assert until(asked), answer
    return answer


def until(condition: Callable[[], object], patience: float = PATIENCE) -> bool:
    """Wait until *condition* holds; say whether it does."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
