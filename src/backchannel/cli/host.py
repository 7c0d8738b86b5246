"""`backchannel host`: the programs of this machine. What the commands do is in `hosting`."""

from typing import Annotated

from cyclopts import App, Parameter

from backchannel.cli import options

Name = Annotated[str, Parameter(metavar="SERVICE")]
Json = Annotated[bool, Parameter(name="--json")]

app = App(
    name="host",
    help="Find the programs behind back channels on this machine.",
    usage="backchannel host [OPTIONS] [SERVICES...] | COMMAND",
    default_parameter=options.DEFAULT,
    help_format="plaintext",
)


@app.default
def host(
    *services: str,
    json: bool = False,
    root: options.Folder = None,
    search: options.Folders = (),
    catalogue: options.Folders = (),
    fail_on: options.Worst = None,
) -> int:
    """List the programs of known services: running or installed, and what they expose.

    Nothing is changed and nothing sent. Root sees all processes; others are told what they do not.

    Parameters
    ----------
    services
        Services of the catalogue to look for, such as `bittorrent`; without them all.
    json
        Print one JSON document.
    root
        Look at the files of another system, mounted here, and not at this machine's processes.
    search
        Look for programs in this folder, too; with --root, one of that system.
    catalogue
        Folders with your own service files.
    fail_on
        Exit with 1 if a finding is this severe or worse.
    """
    from backchannel.cli import hosting  # noqa: PLC0415 - not for the help

    return hosting.listed(
        services, as_json=json, root=root, search=search, own=catalogue, fail_on=fail_on
    )
