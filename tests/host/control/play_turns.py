"""Many programs that nobody knows, and large ones, run at once by one user while others run theirs.

usage: play_turns.py FOLDER       writes told.json into FOLDER. Needs root.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

from tests.host.control.play import HERE, program, start, until

from backchannel.host.control import trust

LARGE, MANY = 6, 90
POLICY = """\
version: 1
mode: alert
unknown: deny
rules:
  - {{name: known-one, action: deny, paths: ["{here}/known"]}}
"""


def run(user, name):
    """Run a program in the background; its code is 1 where it was refused."""
    pid = os.fork()
    if pid:
        return pid
    os.setuid(user)
    try:
        os.execv(HERE / name, [name])
    except PermissionError:
        os._exit(1)
    except OSError:
        os._exit(0)


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def waits(pid):
    """Say whether a process waits in the kernel for an answer."""
    return state(pid) == "D"


def main(folder):
    HERE.mkdir(exist_ok=True)
    for place in (HERE, *HERE.parents):
        place.chmod(place.stat().st_mode | 0o055)
    subprocess.run(["mount", "-t", "tmpfs", "none", HERE], check=True)
    content = Path("/bin/true").read_bytes()
    program("known", content)
    program("small", content + b"1")
    program("other", content + b"2")
    for number in range(LARGE):
        program(f"large{number}", b"\x7fELF")
        os.truncate(HERE / f"large{number}", 60_000_000)
    trust.write(folder / "store", trust.Store([trust.Entry(path=f"{HERE}/known", sha256="0")]))
    (folder / "policy.yaml").write_text(POLICY.format(here=HERE))

    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    running = start(folder, "--stall", "60")
    running.send_signal(signal.SIGSTOP)
    until(lambda: state(running.pid) == "T")
    names = [*(f"large{number}" for number in range(LARGE)), *["small"] * MANY]
    pids = [run(1000, name) for name in names]
    until(lambda: all(map(waits, pids)))
    for user, name in ((1001, "other"), (0, "known")):
        pids.append(run(user, name))
        until(lambda: waits(pids[-1]))
    running.send_signal(signal.SIGCONT)
    codes = [os.waitpid(pid, 0)[1] for pid in pids]
    running.terminate()
    running.wait(30)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    told = {"refused": sum(map(bool, codes)), "log": [Path(each["path"]).name for each in log]}
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
