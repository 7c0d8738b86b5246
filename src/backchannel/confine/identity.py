"""Becomes a user who owns nothing."""

import contextlib
import os
import pwd

from backchannel.confine import kernel

USER = "backchannel"
"""A user of the package, where one was made; else `nobody`."""
NOBODY = 65_534
CAPABILITIES = 64
"""More than Linux has; the kernel says where its end is."""


def drop(user: str = USER, keep: int = 0) -> None:
    """Give up root, groups and capabilities, and every way to get them again.

    A process that is not root gives up its capabilities and the ways. Raises OSError where
    something stays. Bits in *keep* are capabilities that it still needs.
    """
    if keep:
        kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
    if os.geteuid() == 0:
        uid, gid = _ids(user)
        _drop_bounding()
        with contextlib.suppress(PermissionError):  # a user namespace may forbid it
            os.setgroups([])
        _become(uid, gid)
    kernel.drop_capabilities(keep)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def current() -> int:
    """Return the user id of the process."""
    return os.geteuid()


def _ids(user: str) -> tuple[int, int]:
    for name in (user, "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return found.pw_uid, found.pw_gid
    return NOBODY, NOBODY


def _become(uid: int, gid: int) -> None:
    try:
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError:
        # in a user namespace that maps only one user there is nobody else to become
        if _only_one_user():
            return
        raise
    if os.geteuid() == 0:
        raise PermissionError(1, "root could not be given up")


def _only_one_user() -> bool:
    with open("/proc/self/uid_map", encoding="ascii") as file:  # noqa: PTH123 - one small read
        rows = [line.split() for line in file]
    return len(rows) == 1 and rows[0][2] == "1"


def _drop_bounding() -> None:
    for number in range(CAPABILITIES):
        try:
            kernel.prctl(kernel.PR_CAPBSET_DROP, number)
        except OSError:
            return  # the last capability was the one before, or we may not
