"""Programs that may run and not talk: a control group, and two rules that drop what it sends.

A process is put into the group before it begins to run the program, so that every socket it makes
belongs to it; its children stay there. Below the group is one for each place that processes were
taken from, which its name tells, or an attribute of it where that would be too long: so they can be
put back by whoever comes after us.

Facts: cgroups(7), nft(8) (`socket cgroupv2`), the kernel's cgroup-v2 documentation.
"""

import errno
import fcntl
import os
import re
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote

from backchannel.apply import programs
from backchannel.errors import InputError, PrivilegeError, UsageError, reason

MOUNT = Path("/sys/fs/cgroup")
GROUP = "backchannel-cut"
TABLE = "backchannel_cut"
RULES = f"""\
table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
    chain out {{
        type filter hook output priority filter - 5; policy accept;
        oifname "lo" accept
        socket cgroupv2 level 1 "{GROUP}" counter reject
    }}
    chain in {{
        type filter hook input priority filter - 5; policy accept;
        iifname "lo" accept
        socket cgroupv2 level 1 "{GROUP}" counter drop
    }}
}}
"""
_MOUNTED = re.compile(rf"^\S+ \S+ \S+ / {re.escape(str(MOUNT))} .* - cgroup2 ", re.MULTILINE)
LONGEST, ORIGIN = 200, "trusted.backchannel"
"""Characters of a group's name that tell where a process came from, and the attribute that tells it
where these are too few. With less a process would get out of the limits of its group.
"""


def claim() -> int:
    """Make the group, and return a descriptor of it: as long as somebody has it open, nobody else
    cuts. Raises UsageError and PrivilegeError.
    """
    if not _MOUNTED.search(Path("/proc/self/mountinfo").read_text(encoding="utf-8")):
        raise UsageError(f"programs are cut by a control group of version 2, and {MOUNT} has none")
    try:
        (MOUNT / GROUP).mkdir(exist_ok=True)
        handle = os.open(MOUNT / GROUP, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise PrivilegeError(f"{MOUNT / GROUP}: {reason(error)}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise UsageError("another `backchannel host control` cuts programs here already") from error
    return handle


def begin() -> None:
    """Load the rules. Raises UsageError, InputError and PrivilegeError.

    It runs a program: not while the kernel asks us.
    """
    _nft(RULES)


def put(pid: int) -> None:
    """Put a process into the group. Raises OSError."""
    if pid <= 0:  # of a process that is not ours to see; 0 would be ourselves
        raise ProcessLookupError(errno.ESRCH, "a process of another namespace")
    where = origin(pid)
    if where.startswith(f"/{GROUP}/"):
        return
    name = quote(where, safe="")
    if len(name) > LONGEST:
        name = sha256(name.encode()).hexdigest()
    folder = MOUNT / GROUP / name
    folder.mkdir(exist_ok=True)
    if not name.startswith("%"):
        os.setxattr(folder, ORIGIN, os.fsencode(where))
    (folder / "cgroup.procs").write_text(str(pid), encoding="ascii")


def end() -> None:
    """Put all processes back to where they were, and take group and rules away."""
    for folder in (MOUNT / GROUP).glob("*/"):
        home = MOUNT / _origin(folder).lstrip("/")
        for _ in range(100):  # they may have children meanwhile
            pids = _read(folder / "cgroup.procs").split()
            if not pids:
                break
            for pid in pids:
                _move(pid, home)
        with suppress(OSError):
            folder.rmdir()
    with suppress(OSError):
        (MOUNT / GROUP).rmdir()
    with suppress(UsageError, InputError, PrivilegeError):
        _nft(f"table inet {TABLE}\ndelete table inet {TABLE}\n")


def origin(pid: int) -> str:
    """Return the control group of version 2 that a process is in. Raises OSError."""
    for line in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines():
        if line.startswith("0::"):
            return line[3:]
    return "/"


def _origin(folder: Path) -> str:
    """Return where the processes of a group below ours came from."""
    try:
        return os.fsdecode(os.getxattr(folder, ORIGIN))
    except OSError:
        return unquote(folder.name)


def _move(pid: str, home: Path) -> None:
    for place in (home, MOUNT):  # its own may be gone
        try:
            (place / "cgroup.procs").write_text(pid, encoding="ascii")
        except OSError:
            continue
        return


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""


def _nft(text: str) -> None:
    programs.run([programs.find("nft", "nftables"), "-f", "-"], text, what="rules to cut programs")
