"""Control of real programs on a file system of its own, in a mount namespace of its own.

usage: play.py FOLDER       writes told.json into FOLDER. Needs root.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from backchannel.host.control import trust

COMMAND = [sys.executable, "-c", "from backchannel.cli import main; main()"]
HERE = Path(sys.argv[1]) / "programs"
POLICY = """\
version: 1
mode: deny
unknown: deny
never: ["{here}/never/*"]
rules:
  - {{name: no-tool, action: deny, paths: ["{here}/denied"]}}
  - {{name: ran-out, action: allow, paths: ["{here}/expired"], expires: 2020-01-01}}
  - {{name: still, action: allow, paths: ["{here}/excepted"], expires: 2999-01-01}}
"""


def ran(name):
    """Run a program of the file system; say how it went and how long it took."""
    began = time.monotonic()
    try:
        done = subprocess.run([HERE / name, "x"], capture_output=True, check=False, timeout=60)
        told = "ran" if done.returncode == 0 else f"code {done.returncode}"
    except PermissionError:
        told = "refused"
    return told, time.monotonic() - began


def program(name, content):
    """Write a program whose last change is long ago, so that its verdict may be remembered."""
    place = HERE / name
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)
    place.chmod(0o755)


def start(folder, *words):
    """Start control, and wait until it asks."""
    log, output = folder / "log.jsonl", (folder / "output").open("ab")
    log.unlink(missing_ok=True)
    running = subprocess.Popen(
        [*COMMAND, "host", "control", folder / "policy.yaml", "--trust", folder / "store",
         "--on", HERE, "--log", log, *words],
        stdout=output, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert "control of programs on" in running.stderr.readline()
    return running


def said(running, words):
    """Wait until control says so."""
    while words not in (line := running.stderr.readline()):
        assert line, f"it ended: {running.wait()}"


def wardens(running):
    """Return the processes that watch over *running*."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                state = (place / "stat").read_text().rpartition(") ")[2].split()
                words = (place / "cmdline").read_bytes()
            except OSError:
                continue
            if int(state[1]) == running.pid and b"host.control.warden" in words:
                found.append(int(place.name))
    return found


def gone(pid):
    """Say whether a process ended; nobody may have asked for its code."""
    place = Path(f"/proc/{pid}/stat")
    return not place.exists() or place.read_text().rpartition(") ")[2].startswith("Z")


def until(test):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if found := test():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come in time")


def main(folder):
    HERE.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", HERE], check=True)
    content = Path("/bin/echo").read_bytes()
    names = (
        "known",
        "altered",
        "unknown",
        "denied",
        "expired",
        "excepted",
        "never/me",
        "never/own-altered",
    )
    for number, name in enumerate(names):
        program(name, content + bytes([number]))
    program("script", b"#!/bin/sh\necho ran\n")
    entry = subprocess.run(
        ["sha256sum", HERE / "known"], capture_output=True, check=True, text=True
    )
    trust.write(folder / "store", trust.Store([
        trust.Entry(path=f"{HERE}/known", sha256=entry.stdout.split()[0]),
        trust.Entry(path=f"{HERE}/altered", sha256="0" * 64),
        trust.Entry(path=f"{HERE}/never/own-altered", sha256="0" * 64),
    ]))  # fmt: skip
    program("moved", (HERE / "known").read_bytes())
    (folder / "policy.yaml").write_text(POLICY.format(here=HERE))
    told = {"before": ran("unknown")[0]}

    running = start(folder)
    told["deny"] = {name: ran(name)[0] for name in (*names, "moved", "script")}
    over = f"mount --bind {HERE}/unknown {HERE}/never/me && exec {HERE}/never/me x"
    mounted = subprocess.run(["unshare", "-m", "sh", "-c", over], capture_output=True, check=False)
    told["mounted over"] = mounted.returncode
    program("known", content + b"another")
    told["changed"] = ran("known")[0]
    program("known", content + bytes([0]))
    told["back"] = ran("known")[0]
    text = (folder / "policy.yaml").read_text()
    (folder / "policy.yaml").write_text(text.replace("unknown: deny", "unknown: allow"))
    running.send_signal(signal.SIGHUP)
    said(running, "read anew")
    told["read anew"] = ran("unknown")[0]
    (folder / "policy.yaml").write_text("version: 7")
    running.send_signal(signal.SIGHUP)
    said(running, "stays as it was")
    told["not read"] = ran("unknown")[0]
    (folder / "policy.yaml").write_text(text)
    running.send_signal(signal.SIGHUP)
    said(running, "read anew")
    (warden,) = wardens(running)
    os.kill(warden, signal.SIGKILL)
    until(lambda: wardens(running) not in ([], [warden]))
    until(lambda: ran("unknown")[0] == "refused")  # it asks again a moment later
    told["another warden"] = ran("unknown")[0]
    running.send_signal(signal.SIGTERM)
    told["code"] = running.wait(30)
    told["summary"] = running.stderr.read()
    told["after"] = ran("unknown")[0]
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    told["log"] = log

    running = start(folder, "--stall", "1")
    running.send_signal(signal.SIGSTOP)
    told["stopped"], told["waited"] = ran("unknown")
    told["stopped code"] = running.wait(30)
    told["warden said"] = running.stderr.read()

    running = start(folder)
    (warden,) = wardens(running)
    running.send_signal(signal.SIGSTOP)
    waiting = subprocess.Popen(
        [sys.executable, "-c", f"import os; os.execv('{HERE}/unknown', ['x'])"]
    )
    running.kill()
    told["killed"] = waiting.wait(30)
    running.wait()
    until(lambda: gone(warden))

    for mode in ("alert", "observe"):
        running = start(folder, "--mode", mode)
        told[mode] = ran("unknown")[0]
        running.send_signal(signal.SIGINT)
        told[f"{mode} code"] = running.wait(30)
        told[f"{mode} log"] = (folder / "log.jsonl").read_text()
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
