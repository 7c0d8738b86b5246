"""Opens files that are for their owner alone, in folders where others may write, too.

What is asked of a file is asked of the one that was opened: a name may lead elsewhere a moment
later.
"""

import os
import stat
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from backchannel.cli.outputs import named
from backchannel.cli.targets import STDOUT
from backchannel.errors import UsageError


def opened(
    path: Path,
    stack: ExitStack,
    *,
    append: bool = False,
    unfit: Callable[[Path], str] = lambda _: "",
) -> IO[bytes]:
    """Open a file to be written anew, or to be added to; `-` is standard output. Devices and pipes
    are used as they are.

    *unfit* says of a file with something in it why that may not be written to. Raises UsageError,
    and OSError.
    """
    if path == STDOUT:
        return sys.stdout.buffer
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file")
    with named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_APPEND if append else 0)
        file = stack.enter_context(os.fdopen(os.open(path, flags, 0o600), "ab" if append else "wb"))
        _take(file.fileno(), path, unfit, append=append)
    return file


def _take(handle: int, path: Path, unfit: Callable[[Path], str], *, append: bool) -> None:
    state = os.fstat(handle)
    if not stat.S_ISREG(state.st_mode):
        return
    if state.st_uid != os.geteuid():
        raise UsageError(
            f"{path}: belongs to another user (number {state.st_uid}), who could read it; "
            "name another file"
        )
    if state.st_size and (why := unfit(Path(f"/proc/self/fd/{handle}"))):
        raise UsageError(f"{path}: {why}; name another file")
    os.fchmod(handle, 0o600)
    if not append:
        os.ftruncate(handle, 0)
