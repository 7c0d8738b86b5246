"""Options that are read in a way of their own, as cyclopts is told of them.

A command whose line may be plain (`plain`) names these as `cli.options` in annotations that nobody
evaluates (PEP 563) before cyclopts does, and `application` imports this module before that.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from backchannel.cli.checks import Checks

DEFAULT = Parameter(negative=(), show_default=False)
"""For all commands: no --no-json, no "False" in the help."""
File = Annotated[Path, Parameter(name="--file")]
Policy = Annotated[Path, Parameter(name="--policy")]
Inputs = Annotated[str, Parameter(allow_leading_hyphen=True)]
"""Captures. An unknown option is taken for one, so that the command can say what was meant."""
OrStandardOutput = Annotated[Path | None, Parameter(allow_leading_hyphen=True)]
"""A file, or `-`."""
All = Annotated[bool, Parameter(name="--all")]
Quiet = Annotated[bool, Parameter(name=["--quiet", "-q"])]
Fields = Annotated[Checks, Parameter(name="*")]
"""Each field is an option."""
