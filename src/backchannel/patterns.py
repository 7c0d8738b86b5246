"""Regular expressions that are compiled when they are first used.

Compiling one takes longer than all else that a module does while it loads, and of those of a
protocol a run needs few. A pattern whose syntax is wrong is found by the tests, not at import.
"""

import re
from typing import AnyStr, Generic, cast


class Later(Generic[AnyStr]):
    """Stands for a pattern; its methods and attributes become the pattern's own when first read."""

    def __init__(self, pattern: AnyStr, flags: int) -> None:
        self._arguments: tuple[AnyStr, int] = pattern, flags

    def __getattr__(self, name: str) -> object:
        value: object = getattr(re.compile(*self._arguments), name)
        setattr(self, name, value)
        return value


def later(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what is to be used as `re.compile(pattern, flags)`, and is compiled when it is."""
    return cast("re.Pattern[AnyStr]", Later(pattern, flags))
