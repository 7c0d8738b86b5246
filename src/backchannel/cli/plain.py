"""Plain command lines of `scan`, read without cyclopts: it takes longer to load than a small
capture takes to scan.

Plain is a line of words, of flags, and of options that a text or a path follows, each written once
and in full (or as `-q`), no value beginning with a hyphen. What is not plain is read by cyclopts,
which also shows help and says what is wrong. A test compares what both understand.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

Command = Callable[..., int]
FLAGS = frozenset({"bool", "cli.options.Quiet"})
"""Annotations of flags, as they are written."""
VALUES: dict[str, Callable[[str], object]] = {
    "cli.options.Title": str,
    "cli.options.FileName": Path,
    "cli.options.Folder": Path,
    "cli.options.OrStandardOutput": Path,  # `-` itself is not plain
}
"""Those of options with a value, and what makes the value."""
SHORT = {"-q": "--quiet"}


def call(words: list[str]) -> Callable[[], int] | None:
    """Return what a command line calls where it is a plain one."""
    if words[:1] != ["scan"]:
        return None
    from backchannel.cli.scan import scan  # noqa: PLC0415 - not for other commands

    command: Command = scan
    understood = arguments(command, words[1:])
    if understood is None:
        return None
    paths, options = understood
    return partial(command, *paths, **options)


def arguments(command: Command, words: list[str]) -> tuple[list[str], dict[str, object]] | None:
    """Read the words after a command's name; None where they are not plain."""
    kinds = {f"--{name.replace('_', '-')}": kind for name, kind in command.__annotations__.items()}
    left, given = iter(words), dict[str, object]()
    paths = []
    for word in left:
        if not word.startswith("-"):
            paths.append(word)
            continue
        full = SHORT.get(word, word)
        kind, name = kinds.get(full, ""), full[2:].replace("-", "_")
        if name in given:
            return None
        if kind in FLAGS:
            given[name] = True
        elif kind in VALUES and (value := next(left, "")) and value[0] != "-":
            given[name] = VALUES[kind](value)
        else:
            return None
    return paths, given
