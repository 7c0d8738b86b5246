"""Linux namespaces for one process tree: what it makes in the kernel vanishes when it ends.

Namespaces have no names here: they are file descriptors of one process, which makes its sockets in
whichever it likes. A kill at any moment therefore leaves nothing behind.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backchannel.errors import PrivilegeError

NEWNS, NEWUSER, NEWPID, NEWNET = 0x00020000, 0x10000000, 0x20000000, 0x40000000
_SET_DEATH_SIGNAL = 1
_PRIVATE = 0x44000
"""MS_REC | MS_PRIVATE: what is mounted here is seen nowhere else."""
_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Move this process into new namespaces. Raises OSError."""
    _check(_libc.unshare(flags))


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _check(_libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))


def isolate() -> None:
    """Continue as the first process of new user, process, mount and network namespaces.

    `/run` is empty and its own, for the locks and sockets of the programs that run there.
    The process that called waits outside and ends with the same code. Root that may not make user
    namespaces does without one. Raises PrivilegeError where the kernel does not let us make them.
    """
    user, group = os.getuid(), os.getgid()
    try:
        unshare(NEWUSER)
    except OSError as error:
        if user != 0:
            raise PrivilegeError(_why(error)) from error
    else:
        _be_root_inside(user, group)
    die_with_parent()  # again: the kernel forgets it with the change of credentials
    try:
        unshare(NEWNET | NEWNS | NEWPID)
    except OSError as error:
        raise PrivilegeError(_why(error)) from error
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        sys.stdout.flush()
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    die_with_parent()
    _check(_libc.mount(b"none", b"/", None, _PRIVATE, None))
    _check(_libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, None))


def _be_root_inside(user: int, group: int) -> None:
    """Become root of the new user namespace. AppArmor may let us make one, and refuse this."""
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    except OSError as error:
        raise PrivilegeError(_why(error)) from error


def _why(error: OSError) -> str:
    return (
        f"this machine lets nobody make namespaces here ({error.strerror}); run as root, or allow "
        "them: sysctl user.max_user_namespaces=15000, on Debian and Ubuntu also "
        "kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0"
    )


def _check(code: int) -> None:
    if code:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Network:
    """One network namespace, empty but for a loopback interface that is down."""

    def __init__(self, name: str) -> None:
        self.name = name
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            unshare(NEWNET)
            self.descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _check(_libc.setns(home, NEWNET))
            os.close(home)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Within this block, sockets and child processes are made in this network."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _check(_libc.setns(self.descriptor, NEWNET))
        try:
            yield
        finally:
            _check(_libc.setns(home, NEWNET))
            os.close(home)

    def set(self, name: str, value: str | int) -> None:
        """Set a kernel parameter of this network, such as `net/ipv4/ip_forward`."""
        with self.inside():
            Path("/proc/sys", name).write_text(str(value))
