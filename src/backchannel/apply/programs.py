"""Runs the programs that hold the kernel's rules: bounded in time, errors that say what helps."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from backchannel.errors import InputError, MissingProgramError, PrivilegeError

PATIENCE = 60.0
"""Seconds that one call may take."""
_DENIED = ("operation not permitted", "permission denied", "you must be root")
_ADMIN = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where firewalls' programs are, though a user's PATH often leaves it out."""


def find(program: str, package: str) -> str:
    """Return the path of *program*. Raises MissingProgramError naming its Debian package."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{_ADMIN}")
    if path is None:
        raise MissingProgramError(program, package)
    return path


def run(command: Sequence[str], text: str = "", *, what: str, lock: int = -1) -> str:
    """Return what *command* printed for *text* on its standard input.

    *lock* is a descriptor that the program holds while it runs. Raises PrivilegeError where the
    kernel refuses, InputError with the program's own words where it fails otherwise.
    """
    try:
        ran = subprocess.run(  # noqa: S603 - programs found by `find`, words of ours
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            pass_fds=(lock,) if lock >= 0 else (),
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(what, f"{command[0]} did not end within {PATIENCE:.0f} s") from error
    if ran.returncode == 0:
        return ran.stdout
    said = " ".join((ran.stderr or ran.stdout).split())
    if any(word in said.lower() for word in _DENIED):
        raise PrivilegeError(
            f"{what}: {command[0]} says: {said}; run it as root, or with CAP_NET_ADMIN"
        )
    raise InputError(what, f"{command[0]} says: {said}")
