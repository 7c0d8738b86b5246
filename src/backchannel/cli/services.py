"""`backchannel services`: what the catalogue knows, and how a capture compares with it.

What it does is in `sheets`.
"""

from typing import Annotated, Literal

from cyclopts import Parameter

from backchannel.cli import options

Form = Literal["text", "md", "html", "json"]


def services(
    name: str = "",
    *,
    format: Annotated[Form, Parameter(name="--format")] = "text",  # noqa: A002 - the word people type
    handbook: options.Folder = None,
    diff: options.Files = (),
    inside: options.Networks = (),
    catalogue: options.Folders = (),
) -> int:
    """Show what the catalogue knows about each service.

    Parameters
    ----------
    name
        A service's id, such as `icq`; without it all are listed.
    format
        How to show it.
    handbook
        Write the whole catalogue as HTML pages into this folder.
    diff
        A capture: derive the packet filtering table from it, and show where the sheet differs.
    inside
        Networks that count as inside for --diff, such as 10.0.0.0/8; otherwise private ones do.
    catalogue
        Folders with your own service files, beside `services` in your configuration folder.
    """
    from backchannel.cli import sheets  # noqa: PLC0415 - not for the help

    sheets.run(name, format, handbook=handbook, diff=diff, inside=inside, own=catalogue)
    return 0
