"""Host names of services as a filter of names can use them: a service is all or nothing.

A name stands for a whole service, whatever is done with it. So a `deny` acts on names only where
it speaks of everything that the service can do, and not on names that an allowed service shares.
"""

import re
from fnmatch import fnmatchcase
from functools import lru_cache

from backchannel.policy.backends._reading import Reading
from backchannel.policy.model import Line, Use

_NAME = re.compile(
    r"(\*\.)?[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?(\.[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?)*\Z"
)


def usable(use: Use) -> tuple[str, ...]:
    """Return the names of *use* that are host names, in lower case, sorted."""
    return _usable(use.names)


@lru_cache(maxsize=4096)
def _usable(names: tuple[str, ...]) -> tuple[str, ...]:
    lower = {name.lower().rstrip(".") for name in names}
    return tuple(sorted(name for name in lower if len(name) < 250 and _NAME.match(name)))


def held(read: Reading, line: Line, use: Use) -> str:
    """Return why the names of *use* cannot be refused for *line*; empty where they can."""
    if not use.names:
        return "no host name of it is known"
    if not read.whole(line, use):
        return f"the host names stand for everything that {use.service} can do"
    for other, services in read.naming:
        if other.exempts == line.name:
            continue
        for service, names in services.items():
            if service != use.service and _share(names, use.names) and read.meet(line, other):
                return f"{service} has the same host names (line {other.name})"
    return ""


@lru_cache(maxsize=4096)
def _share(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return any(
        first == second or fnmatchcase(first, second) or fnmatchcase(second, first)
        for first in _usable(one)
        for second in _usable(other)
    )
