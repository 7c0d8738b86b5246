"""Runs a play in mount and process namespaces of its own: what it starts ends with it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def run(play, folder, *more):
    """Run `tests.host.control.PLAY` with *folder*; *more* are further namespaces."""
    return subprocess.run(
        [
            *("unshare", "--mount-proc", "--propagation", "private", *more),
            *("--pid", "--fork", "--kill-child"),
            *(sys.executable, "-m", f"tests.host.control.{play}", folder),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
        },
    )
