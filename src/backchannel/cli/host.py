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


@app.command
def record(
    file: options.Recording,
    *,
    duration: options.Time = None,
    interval: options.Seconds = 0.2,
    quiet: options.Quiet = False,
) -> int:
    """Record which process holds which socket, until Ctrl-C or SIGTERM.

    The record is for `host flows`. Root sees all processes and networks; others see their own.

    Parameters
    ----------
    file
        Where to write JSON lines; `-` for standard output.
    duration
        Stop after this time: 90s, 30m, 8h.
    interval
        Seconds between regular looks (0.2). Openings of TCP connections are looked at at once.
    quiet
        Say nothing.
    """
    from backchannel.cli import owning  # noqa: PLC0415 - not for the help

    return owning.record(file, duration=duration, interval=interval, quiet=quiet)


@app.command(usage="backchannel host flows [OPTIONS] PATHS...")
def flows(
    *paths: options.Inputs,
    record: options.FileName = None,
    json: bool = False,
    all_: options.All = False,
) -> int:
    """Say which program of this host owns the flows of captures.

    Parameters
    ----------
    paths
        Captures, or Parquet files that `scan --flows` wrote.
    record
        What `host record` wrote at that time; without it, the sockets of this moment count.
    json
        Print one JSON document.
    all_
        Flows of no known service, too.
    """
    from backchannel.cli import owning  # noqa: PLC0415 - not for the help

    return owning.flows(paths, recorded=record, as_json=json, everything=all_)
