"""Sizes and times as people write them: `64MB`, `1h`. Text or numbers in, numbers out."""

import re
from pathlib import Path
from typing import Any

_SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BINARY = {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_TIMES = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LARGEST, _LONGEST = 1 << 60, 1e9
"""Bytes and seconds (some thirty years) at most: more may not fit where they are counted."""
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)")


class Size(int):
    """A number of bytes."""

    @classmethod
    def read(cls, value: object) -> "Size":
        """Return a number, or text such as `64MB` or `1GiB`. Raises ValueError."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls._bounded(value)
        found = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
        units = _SIZES | _BINARY
        if found is None or found[2].upper() not in units:
            raise ValueError("not a size")
        return cls._bounded(float(found[1]) * units[found[2].upper()])

    @classmethod
    def _bounded(cls, size: float) -> "Size":
        if size > _LARGEST:
            raise ValueError("more than a million terabytes")
        return cls(size)

    def __str__(self) -> str:
        whole = [
            f"{self // factor}{unit}"
            for unit, factor in (_SIZES | _BINARY).items()
            if unit and self >= factor and self % factor == 0
        ]
        return min(whole, key=len).replace("IB", "iB") if whole else "0"


class Duration(float):
    """A number of seconds."""

    @classmethod
    def read(cls, value: object) -> "Duration":
        """Return a number of seconds, or text such as `90s`, `1h` or `2d`. Raises ValueError."""
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return cls._bounded(value)
        found = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None or found[2] not in _TIMES:
            raise ValueError("not a time")
        return cls._bounded(float(found[1]) * _TIMES[found[2]])

    @classmethod
    def _bounded(cls, seconds: float) -> "Duration":
        if seconds > _LONGEST:
            raise ValueError("more than thirty years")
        return cls(seconds)

    def __str__(self) -> str:
        for unit, factor in reversed(_TIMES.items()):
            if unit and self >= factor and self % factor == 0:
                return f"{self / factor:.0f}{unit}"
        return f"{float(self):g}s"


def convert(kind: type, value: Any) -> Any:
    """Convert for msgspec (`dec_hook`). Raises ValueError and NotImplementedError."""
    if kind is Size or kind is Duration:
        return kind.read(value)
    if kind is Path:
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValueError("not a path")
        return Path(value)
    raise NotImplementedError
