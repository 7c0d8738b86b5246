"""Processes as /proc tells of them. Facts: proc(5).

Command lines and environments may hold passwords: they are read for what they name, never shown.
"""

import os
import re
from collections import Counter
from typing import NamedTuple

PROC = "/proc"
MOST = 64 << 10
"""Bytes of a command line that are read."""
_DELETED = " (deleted)"
_CONTAINERS = (
    ("docker", re.compile(r"/(?:docker[-/]|system\.slice/docker-)([0-9a-f]{12})")),
    ("podman", re.compile(r"/libpod-(?:conmon-)?([0-9a-f]{12})")),
    ("kubernetes", re.compile(r"/kubepods[^/]*(?:/[^/]*)*?/pod([0-9a-f-]{8})")),
    ("containerd", re.compile(r"/cri-containerd-([0-9a-f]{12})")),
    ("lxc", re.compile(r"/lxc(?:\.payload)?[./]([A-Za-z0-9_.-]+)")),
    ("nspawn", re.compile(r"/machine\.slice/(?:systemd-nspawn@|machine-)([A-Za-z0-9_.-]+)\.s")),
)
"""Managers of containers by the control groups that they make."""
_UNIT = re.compile(r"/([A-Za-z0-9:_.\\@-]+\.(?:service|scope))(?=/|$)")
_USER = re.compile(r"user@\d+\.service\Z")


class Process(NamedTuple):
    """One process at one moment."""

    pid: int
    parent: int
    uid: int
    started: int
    """Nanoseconds since 1970, as exact as the kernel's ticks."""
    name: str
    """What it calls itself: at most 15 bytes, and its own choice."""
    executable: str
    """Path of its file, in its own tree of files; empty where we may not see it."""
    deleted: bool
    """Whether that file is gone from there: replaced by an upgrade, or removed."""
    words: tuple[str, ...]
    """Its command line."""
    group: str
    """Its control group."""
    mounts: str
    """Its mount namespace: `mnt:[4026531841]`; empty where we may not see it."""
    network: str
    """Its network namespace."""
    root: str = "/"
    """The folder that is `/` to it."""
    users: str = ""
    """Its user namespace."""

    @property
    def unit(self) -> str:
        """The unit of systemd that it belongs to; empty for none. One of a user's own has the
        user's before it, as in `user@1000.service/app.scope`: what is in there is his to name. So
        is what is in any other unit, which is not told.
        """
        found = _UNIT.findall(self.group)
        if found and _USER.match(found[0]):
            return "/".join((found[0], *found[1:][-1:]))
        return found[0] if found else ""

    @property
    def container(self) -> str:
        """The container that it runs in: `docker 0123456789ab`; empty for none that we know."""
        for manager, pattern in _CONTAINERS:
            if found := pattern.search(self.group):
                return f"{manager} {found[1]}"
        return ""


def read(proc: str = PROC) -> tuple[list[Process], Counter[str]]:
    """Return all processes, in order, and how much of them could not be seen.

    Threads of the kernel have no file and are left out.
    """
    unseen = Counter[str]()
    booted, ticks = _booted(proc), os.sysconf("SC_CLK_TCK")
    found = []
    for name in sorted(filter(str.isdigit, os.listdir(proc)), key=int):  # noqa: PTH208 - names only
        process = _one(f"{proc}/{name}", int(name), booted, ticks, unseen)
        if process is not None:
            found.append(process)
    return found, unseen


def again(process: Process, proc: str = PROC) -> bool:
    """Say whether *process* is still there: numbers are given to new processes."""
    booted, ticks = _booted(proc), os.sysconf("SC_CLK_TCK")
    now = _one(f"{proc}/{process.pid}", process.pid, booted, ticks, Counter())
    return now is not None and now.started == process.started


def one(pid: int, proc: str = PROC) -> Process | None:
    """Return one process; None where there is none, or it ends just now."""
    return _one(f"{proc}/{pid}", pid, _booted(proc), os.sysconf("SC_CLK_TCK"), Counter())


def _booted(proc: str) -> int:
    """Return when the machine started, in seconds since 1970."""
    found = re.search(rb"^btime (\d+)", _read(f"{proc}/stat"), re.MULTILINE)
    return int(found[1]) if found else 0


def _one(place: str, pid: int, booted: int, ticks: int, unseen: Counter[str]) -> Process | None:
    state = _read(f"{place}/stat")
    before, _, after = state.rpartition(b") ")
    fields = after.split()
    if len(fields) < 20:
        return None  # it ended
    uid = user(place)
    if uid is None:
        return None
    words = _read(f"{place}/cmdline")
    try:
        executable = os.readlink(f"{place}/exe")  # noqa: PTH115 - of many
    except PermissionError:
        executable = ""
        unseen["processes whose executable could not be seen"] += 1
    except OSError:
        if not words:
            return None  # of the kernel, or ended
        executable = ""
    gone = executable.endswith(_DELETED)
    root = _link(f"{place}/root") or "/"
    if root != "/" and executable.startswith(f"{root}/"):
        executable = executable[len(root) :]
    return Process(
        pid=pid,
        parent=int(fields[1]),
        uid=uid,
        started=booted * 1_000_000_000 + int(fields[19]) * 1_000_000_000 // ticks,
        name=before.partition(b"(")[2].decode("utf-8", "replace"),
        executable=executable.removesuffix(_DELETED),
        deleted=gone,
        words=tuple(os.fsdecode(word) for word in words.rstrip(b"\0").split(b"\0")),
        group=_group(_read(f"{place}/cgroup")),
        mounts=_link(f"{place}/ns/mnt"),
        network=_link(f"{place}/ns/net"),
        root=root,
        users=_link(f"{place}/ns/user"),
    )


def user(place: str) -> int | None:
    """Return the user who runs the process of this folder of /proc; None where it ended."""
    found = re.search(rb"^Uid:\s+(\d+)", _read(f"{place}/status"), re.MULTILINE)
    return int(found[1]) if found else None


def _group(text: bytes) -> str:
    """Return the path of the control group: that of version 2, or the longest of version 1."""
    paths = [line.split(b":", 2) for line in text.splitlines() if line.count(b":") >= 2]
    known = [os.fsdecode(path) for number, _, path in paths if number == b"0" and path != b"/"]
    return (known or sorted((os.fsdecode(path) for *_, path in paths), key=len) or [""])[-1]


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - of many
    except OSError:
        return ""


def _read(path: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(handle, MOST)
    except OSError:
        return b""
    finally:
        os.close(handle)
