"""The captures that a command line names. An unknown option is taken for one, so that the command
can say what was meant.
"""

from collections.abc import Sequence
from pathlib import Path

from backchannel.errors import UsageError


def names(paths: Sequence[str | Path], command: str) -> list[str]:
    """Return the captures' names as text. Raises UsageError without any, and for what is an option
    that *command* does not know.
    """
    if not paths:
        raise UsageError("no capture given; name a file, a folder, a glob, or - for standard input")
    told = [str(path) for path in paths]
    if unknown := [name for name in told if name[:1] == "-" != name and not Path(name).exists()]:
        raise UsageError(f"unknown option {unknown[0]}; {_meant(unknown[0], command)}")
    return told


def _meant(option: str, command: str) -> str:
    """Return what to do about an option that is not known."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for who needs it

    from backchannel.cli.application import app  # noqa: PLC0415 - as above

    asked = option.partition("=")[0]
    known = [name for each in app[command].assemble_argument_collection() for name in each.names]
    close = get_close_matches(asked, known, 1) or [each for each in known if each in asked]
    return f"did you mean {close[0]}?" if close else f"see backchannel {command} --help"
