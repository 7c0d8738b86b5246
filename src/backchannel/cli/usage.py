"""Errors of the command line, worded as all our other errors are, with where to find help."""

from itertools import pairwise
from pathlib import Path
from typing import get_args

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnusedCliTokensError,
)

NUMBERS = {int: "a whole number", float: "a number"}


def words(error: CycloptsError) -> str:
    """Say what is wrong, and which command's `--help` has more."""
    command = " ".join(("backchannel", *(error.command_chain or ())))
    return f"{_what(error)} (see `{command} --help`)"


def _what(error: CycloptsError) -> str:
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        return _lacking(error)
    if isinstance(error, UnusedCliTokensError):
        return f"{' '.join(error.unused_tokens or ())}: more than this command takes"
    if isinstance(error, CoercionError) and error.target_type in NUMBERS:
        given = f" and not {error.token.value!r}" if error.token else ""
        return f"{_name(error)} takes {NUMBERS[error.target_type]}{given}"
    text = str(error)
    if isinstance(error, UnknownCommandError):  # help lists the commands, and in a better order
        text = text.partition(" Available commands:")[0]
        text = text.replace('command "-', 'option "-')
    text = text.replace(". Did you", "; did you").replace(". Choose", "; choose")
    return (text[:1].lower() + text[1:]).removesuffix(".")


def _lacking(error: MissingArgumentError) -> str:
    if not error.keyword:
        return f"{_name(error)} is missing"
    words, hint = error.root_input_tokens or [], error.argument and error.argument.hint
    if Path in (hint, *get_args(hint)) and (error.keyword, "-") in pairwise(words):
        return f"{error.keyword} does not go to standard output; give it a name"
    return f"{error.keyword} needs a value"


def _name(error: CycloptsError) -> str:
    """Return the name as help has it: that of words in their place is upper-case."""
    if error.argument is None:
        return "a value"
    name = error.argument.name
    return name.lstrip("-").upper() if error.argument.field_info.is_positional else name
