"""Options that are read in a way of their own, as cyclopts is told of them.

A command whose line may be plain (`plain`) names these as `cli.options` in annotations that nobody
evaluates (PEP 563) before cyclopts does, and `application` imports this module before that.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token

from backchannel.cli.checks import Checks
from backchannel.grades import Severity

DEFAULT = Parameter(negative=(), show_default=False)
"""For all commands: no --no-json, no "False" in the help."""
File = Annotated[Path, Parameter(name="--file")]
Policy = Annotated[Path, Parameter(name="--policy")]
Inputs = Annotated[str | Path, Parameter(allow_leading_hyphen=True)]
"""Captures. An unknown option is taken for one, so that the command can say what was meant. They
are read as text; of paths, too, because shells complete these with names of files.
"""


def _path(_: object, tokens: Sequence[Token]) -> Path:
    """Return the file or folder that is named. What a script left empty is not this folder, and
    another option in its place is no name.
    """
    name = tokens[0].value
    if not name:
        raise ValueError("an empty name")
    if name.startswith("-") and name != "-":
        raise ValueError(f"{name} is an option; write ./{name} for a file of that name")
    return Path(name)


OrStandardOutput = Annotated[
    Path | None, Parameter(allow_leading_hyphen=True, converter=_path, metavar="FILE")
]
"""A file, or `-`."""
Recording = Annotated[Path, Parameter(allow_leading_hyphen=True, converter=_path, metavar="FILE")]
"""As above, where there must be one."""
Store = Annotated[Path, Parameter(converter=_path, metavar="FILE")]
# What the value of an option is called in help, by what it holds.
FileName = Annotated[Path | None, Parameter(converter=_path, metavar="FILE")]
Folder = Annotated[Path | None, Parameter(converter=_path, metavar="FOLDER")]
Folders = Annotated[tuple[Path, ...], Parameter(metavar="FOLDER")]
Socket = Annotated[Path | None, Parameter(allow_leading_hyphen=True, metavar="SOCKET")]
"""A socket of the file system, or `-` for none."""
Control = Annotated[Path, Parameter(metavar="SOCKET")]
Files = Annotated[tuple[Path, ...], Parameter(metavar="FILE")]
KeyFile = Annotated[Path, Parameter(metavar="FILE")]
At = Annotated[str, Parameter(metavar="INTERFACE")]
Called = Annotated[str, Parameter(metavar="INTERFACE", show_default=True)]
Firewall = Annotated[str, Parameter(name=("--to", "-t"), metavar="FIREWALL", show_default=True)]
Firewalls = Annotated[tuple[str, ...], Parameter(name=("--to", "-t"), metavar="FIREWALL")]
Flows = Annotated[tuple[str, ...], Parameter(metavar="FLOW")]
Methods = Annotated[tuple[str, ...], Parameter(metavar="METHOD")]
Networks = Annotated[tuple[str, ...], Parameter(metavar="NETWORK")]
Pack = Annotated[str | None, Parameter(metavar="PACK")]
Seconds = Annotated[float, Parameter(metavar="SECONDS", show_default=True)]
Services = Annotated[tuple[str, ...], Parameter(metavar="SERVICE")]
Title = Annotated[str, Parameter(metavar="TITLE")]
Key = Annotated[str | None, Parameter(metavar="KEY")]
Address = Annotated[str | None, Parameter(metavar="ADDRESS")]
Interface = Annotated[str | None, Parameter(metavar="INTERFACE")]
Expression = Annotated[str | None, Parameter(metavar="EXPRESSION")]
Day = Annotated[str, Parameter(metavar="DATE")]
Within = Annotated[str, Parameter(metavar="TIME", show_default=True)]
Time = Annotated[str | None, Parameter(metavar="TIME")]
Size = Annotated[str | None, Parameter(metavar="SIZE")]
Rate = Annotated[float, Parameter(metavar="NUMBER", show_default=True)]
Count = Annotated[int | None, Parameter(metavar="COUNT")]
Worst = Annotated[Severity | None, Parameter(metavar="SEVERITY")]
All = Annotated[bool, Parameter(name="--all")]
Quiet = Annotated[bool, Parameter(name=["--quiet", "-q"])]
Fields = Annotated[Checks | None, Parameter(name="*", group="Looking closer")]
"""Each field is an option."""
