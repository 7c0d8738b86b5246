"""A watch that cannot begin leaves nothing behind."""

PORT_TAKEN = """
import os, socket, sys
from pathlib import Path
from backchannel.live import setup
from backchannel.live.config import Capture, Config, Evidence, Metrics
from backchannel.live.screen import Quiet
from backchannel.live.watcher import Watcher

taken = socket.create_server(("127.0.0.1", 0))
config = Config(
    capture=Capture(interfaces=("vb",)),
    evidence=Evidence(ring=Path(sys.argv[1])),
    metrics=Metrics(listen=f"127.0.0.1:{taken.getsockname()[1]}"),
)
try:
    Watcher(lambda: (config, setup.knowledge(config)), Quiet())
except OSError as error:
    kept = error  # and with it the traceback, and all that it names
    print(kept.strerror)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no process")
"""


def test_processes_are_ended_where_the_figures_cannot_be_served(world, tmp_path):
    told = world.python(PORT_TAKEN, tmp_path / "ring")
    assert told.stdout.splitlines() == [
        "metrics cannot be served: Address already in use",
        "no process",
    ]
    assert not told.stderr  # they end quietly, whether or not they were heard


TOO_MANY = """
import os, resource, sys
from backchannel.live import setup
from backchannel.live.config import Capture, Config
from backchannel.live.screen import Quiet
from backchannel.live.watcher import Watcher

config = Config(capture=Capture(interfaces=("vb",), workers=8, ring=1 << 20))
known = setup.knowledge(config)
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
try:
    Watcher(lambda: (config, known), Quiet())
except OSError as error:
    kept = error
    print(kept.strerror)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no process")
"""


def test_processes_are_ended_where_not_all_can_be_started(world):
    told = world.python(TOO_MANY)
    assert told.stdout.splitlines() == ["Too many open files", "no process"]
    assert not told.stderr
