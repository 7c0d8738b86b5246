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


NOT_AGAIN = """
import os, sys, threading, time
from pathlib import Path
from backchannel import process
from backchannel.live import setup
from backchannel.live.config import Capture, Config, Evidence, Output
from backchannel.live.screen import Quiet
from backchannel.live.watcher import Watcher

class Screen(Quiet):
    def start(self, watch):
        process.start = refuse
        watch.evidence._process.kill()

    def say(self, text):
        print(text, flush=True)
        if "no evidence" in text:
            watcher.crew.members[0].process.kill()

def refuse(*_, **__):
    raise OSError(12, "Cannot allocate memory")

folder = Path(sys.argv[1])
config = Config(
    capture=Capture(interfaces=("vb",), workers=2, ring=1 << 20),
    evidence=Evidence(ring=folder / "ring"),
    output=Output(report=folder / "report.html"),
)
known = setup.knowledge(config)
watcher = Watcher(lambda: (config, known), Screen())
watcher.run(60)
print(watcher.failed, (folder / "report.html").exists())
"""


def test_a_watch_whose_processes_cannot_be_started_again_ends_with_everything_written(
    world, tmp_path
):
    told = world.python(NOT_AGAIN, tmp_path)
    assert not told.stderr
    *notices, last = told.stdout.splitlines()
    why = "cannot be started again: Cannot allocate memory"
    assert notices[0] == f"the recorder {why}; no evidence is kept from now on"
    assert notices[2] == f"parser 0 {why}; the watch ends"
    assert last == "True True"


def test_processes_are_ended_where_not_all_can_be_started(world):
    told = world.python(TOO_MANY)
    assert told.stdout.splitlines() == ["Too many open files", "no process"]
    assert not told.stderr
