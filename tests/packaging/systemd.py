"""A systemd of one's own: process 1 of a container that has nothing but it, and our units.

Its mounts, networks and control groups are its own, and go with it. The machine's own units are
hidden, so that nothing but ours and the journal is started.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import backchannel

ROOT = Path(__file__).parents[2]
INIT = Path("/lib/systemd/systemd")
PATIENCE = 60
BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
over() { mkdir -p "/mnt$1/upper" "/mnt$1/work"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=/mnt$1/upper,workdir=/mnt$1/work" "$1"; }
for each in /usr/bin /etc /var; do over $each; done
for each in /opt /etc/systemd/system $GENERATORS $WANTS; do mount -t tmpfs tmpfs $each; done

# what is installed: an environment that borrows the interpreter and the libraries of this one
packages=/opt/backchannel/lib/$PYTHON/site-packages
mkdir -p /opt/{python,libraries,source} /opt/backchannel/bin "$packages"
mount --bind "$BASE" /opt/python
mount --bind "$LIBRARIES" /opt/libraries
mount --bind "$SOURCE" /opt/source
ln -s "/opt/python/bin/$PYTHON" /opt/backchannel/bin/python3
echo 'home = /opt/python/bin' > /opt/backchannel/pyvenv.cfg
printf '%s\\n' /opt/source /opt/libraries > "$packages/all.pth"
rm -f /usr/bin/backchannel
cat > /usr/bin/backchannel <<'END'
#!/bin/sh
export LD_LIBRARY_PATH=/opt/python/lib  # units do not see those of a home folder
exec /opt/backchannel/bin/python3 -c 'from backchannel.cli import main; main()' "$@"
END
chmod 755 /usr/bin/backchannel

mkdir -p /etc/backchannel
cp "$UNITS"/*.service /etc/systemd/system/
printf '[Unit]\\nWants=systemd-journald.service\\n' > /etc/systemd/system/lab.target
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mkdir /run/shared
mount --bind "$SHARED" /run/shared
cp /run/shared/etc/* /etc/backchannel/
mount -t tmpfs tmpfs /tmp
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=lab \\
  "$INIT" --unit=lab.target --log-target=null --show-status=no
"""


class Machine:
    """The container, while it runs."""

    def __init__(self, init: int, shared: Path) -> None:
        self._init = init
        self.shared = shared
        """A folder of both sides: /run/shared in the container."""

    def sh(self, script: str, *, check: bool = True) -> str:
        """Run *script* inside and return what it says."""
        enter = ["nsenter", "-t", str(self._init), "-m", "-p", "-u", "-i", "-n", "-C"]
        plain = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_PAGER=cat"]
        ran = subprocess.run(
            [*enter, *plain, "bash", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert not check or not ran.returncode, f"{script}: {ran.stdout}{ran.stderr}"
        return ran.stdout.strip()

    def start(self, unit: str) -> None:
        """Start *unit* and wait until it says that it is ready."""
        self.sh(f"systemctl start {unit}", check=False)
        assert self.show(unit, "ActiveState") == "active", self.journal(unit)

    def show(self, unit: str, name: str) -> str:
        """Return a property of *unit*."""
        return self.sh(f"systemctl show -p {name} --value {unit}")

    def journal(self, unit: str) -> str:
        """Return what *unit* said."""
        return self.sh(f"journalctl --no-pager -o cat -u {unit}")

    def until(self, what: str, holds: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Wait until *holds* says yes; or say that *what* was awaited in vain."""
        end = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < end, f"waited {patience} s in vain: {what}"
            time.sleep(0.1)


def why_not() -> str:
    """Return why no systemd can be started here; empty where one can."""
    if os.geteuid():
        return "needs root, for a container with a systemd of its own"
    for program in ("unshare", "nsenter", "ip", "nft", "tcpreplay"):
        if shutil.which(program) is None:
            return f"needs {program}"
    if not INIT.exists():
        return f"needs {INIT}; tools/setup installs systemd where it can"
    probe = "mount --make-rprivate / && mount -t cgroup2 none /sys/fs/cgroup"
    container = ["unshare", "-m", "-p", "-f", "-n", "-C", "--mount-proc", "sh", "-c", probe]
    ran = subprocess.run(container, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return f"no containers here: {ran.stderr.strip()}" if ran.returncode else ""


@contextlib.contextmanager
def machine(configuration: dict[str, str]) -> Iterator[Machine]:
    """Boot one, with the files of *configuration* under /etc/backchannel."""
    with tempfile.TemporaryDirectory() as folder, _control_group() as group:
        shared = Path(folder)
        shared.chmod(0o755)
        (shared / "etc").mkdir()
        for name, text in configuration.items():
            (shared / "etc" / name).write_text(text)
        said = shared / "boot.log"
        with said.open("wb") as log:
            boot = subprocess.Popen(
                ["bash", "-c", f"echo $$ > {group}/cgroup.procs && exec " + _COMMAND, "-", BOOT],
                env={**os.environ, **_places(shared)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            yield _booted(boot, shared, said)
        finally:
            boot.kill()  # process 1 goes with it, and all others with process 1
            boot.wait()


_COMMAND = (
    'setpriv --pdeathsig KILL unshare -m -p -f -u -i -n -C --mount-proc --kill-child bash -c "$1"'
)


def _places(shared: Path) -> dict[str, str]:
    return {
        "SHARED": str(shared),
        "UNITS": str(ROOT / "packaging/systemd"),
        "BASE": sys.base_prefix,
        "LIBRARIES": sysconfig.get_path("purelib"),
        "SOURCE": str(Path(backchannel.__file__).parents[1]),
        "PYTHON": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "INIT": str(INIT),
        "GENERATORS": "/lib/systemd/system-generators",
        "WANTS": "/lib/systemd/system/sysinit.target.wants",
    }


def _booted(boot: "subprocess.Popen[bytes]", shared: Path, said: Path) -> Machine:
    """Wait until systemd answers."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and boot.poll() is None:
        children = Path(f"/proc/{boot.pid}/task/{boot.pid}/children").read_text().split()
        if children:
            made = Machine(int(children[0]), shared)
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                made.sh("systemctl is-active lab.target")
                return made
        time.sleep(0.1)
    pytest.fail(f"systemd did not start: {said.read_text()[-2000:]}")


@contextlib.contextmanager
def _control_group() -> Iterator[Path]:
    """Have a control group of one's own, and leave none."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    root = next(Path(place) for _, place, kind, *_ in mounts if kind == "cgroup2")
    mine = Path("/proc/self/cgroup").read_text().partition("0::/")[2].split("\n")[0]
    group = Path(tempfile.mkdtemp(prefix="backchannel-", dir=root / mine))
    try:
        yield group
    finally:
        end = time.monotonic() + PATIENCE
        while group.exists() and time.monotonic() < end:
            for each in sorted(group.rglob("*"), reverse=True):
                if each.is_dir():
                    with contextlib.suppress(OSError):
                        each.rmdir()
            with contextlib.suppress(OSError):  # busy while a process of it ends
                group.rmdir()
            time.sleep(0.05)
