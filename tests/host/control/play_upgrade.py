"""A package is installed, trusted, upgraded and then tampered with, while control runs.

usage: play_upgrade.py FOLDER     writes told.json into FOLDER. Needs root and dpkg; the package
database is one of its own, in a mount namespace of its own.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.host.control.play import COMMAND, HERE, ran, start

DPKG = Path("/var/lib/dpkg")
CONTROL = """\
Package: {name}
Version: {version}
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: a test
"""


def build(folder, name, version):
    """Make a package with one program, and return its file."""
    tree = folder / f"{name}-{version}"
    program = tree / str(HERE / name).lstrip("/")
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n# {name} {version}\n")
    program.chmod(0o755)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(CONTROL.format(name=name, version=version))
    sums = subprocess.run(
        ["md5sum", program.relative_to(tree)], cwd=tree, capture_output=True, check=True
    )
    (tree / "DEBIAN/md5sums").write_bytes(sums.stdout)
    made = folder / f"{name}_{version}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", tree, made], check=True, capture_output=True
    )
    return made


def install(package):
    subprocess.run(["dpkg", "-i", package], check=True, capture_output=True)


def main(folder):
    HERE.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", HERE], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", DPKG], check=True)
    for name in ("info", "updates", "triggers"):
        (DPKG / name).mkdir()
    for name in ("status", "available"):
        (DPKG / name).touch()
    install(build(folder, "bc-tool", "1"))
    store = folder / "store"
    subprocess.run([*COMMAND, "host", "learn", store, "-q"], check=True)
    (folder / "policy.yaml").write_text("version: 1\nmode: deny\nunknown: deny\n")
    later, other = build(folder, "bc-tool", "2"), build(folder, "bc-other", "1")

    told = {"learnt": store.read_text()}
    running = start(folder)
    told["first"] = ran("bc-tool")[0]
    install(later)
    told["upgraded"] = ran("bc-tool")[0]
    install(other)
    told["installed"] = ran("bc-other")[0]
    (HERE / "bc-tool").write_text("#!/bin/sh\n# bc-tool 2, and more\n")
    told["altered"] = ran("bc-tool")[0]
    running.send_signal(signal.SIGTERM)
    running.wait(30)
    told["summary"] = running.stderr.read()
    told["log"] = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    told["kept"] = store.read_text()
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
