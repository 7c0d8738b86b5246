"""Room for open files: what others do on a machine decides how many we need."""

import resource
from contextlib import suppress


def make_room(files: int) -> int:
    """Let this process have so many descriptors, as far as it may; return how many it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in ((files, max(files, hard)), (hard, hard)):
        if soft < wanted[0]:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, wanted)
                return wanted[0]
    return soft
