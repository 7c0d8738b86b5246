"""Who may change a file that decides what runs: nobody but root and its own owner should."""

import os
import stat
from pathlib import Path

from backchannel.errors import UsageError

ELSE = "put policy and store where root alone may write, such as /etc/backchannel"


def refuse_others(path: Path) -> None:
    """Raise UsageError where others than root and ourselves may write a file, or put another into
    its place, or into that of a folder or a link on the way. One that is not there is nobody's.
    """
    told, real = Path(os.path.abspath(path)), Path(os.path.realpath(path))  # noqa: PTH100 - ..
    for place in dict.fromkeys((real, *real.parents, *told.parents)):
        try:
            state = place.stat()
        except OSError:
            return  # who reads it will say why
        shared = stat.S_ISDIR(state.st_mode) and state.st_mode & stat.S_ISVTX
        by_group = state.st_mode & stat.S_IWGRP and state.st_gid
        if state.st_uid not in (0, os.geteuid()):
            raise UsageError(
                f"{place}: user {state.st_uid} owns it, and so decides what runs; {ELSE}"
            )
        if (state.st_mode & stat.S_IWOTH or by_group) and not shared:
            raise UsageError(f"{place}: others may write it, and so decide what runs; {ELSE}")
