"""`backchannel host`: the programs of this machine. What the commands do is in `hosting`."""

from pathlib import Path
from typing import Literal

from cyclopts import App

from backchannel.cli import options

app = App(
    name="host",
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
    """Find the programs behind back channels on this machine.

    They are listed, running or installed, with what they expose.
    Nothing is changed and nothing sent. Root sees all processes.

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
    here: bool = False,
    quiet: options.Quiet = False,
) -> int:
    """Record which process holds which socket, until Ctrl-C or SIGTERM.

    It is for `host flows`. Root sees all processes and networks.

    Parameters
    ----------
    file
        Where to write JSON lines; `-` for standard output.
    duration
        Stop after this time: 90s, 30m, 8h.
    interval
        Seconds between regular looks (0.2). Openings of TCP connections are looked at at once.
    here
        Record no other network namespace than this one.
    quiet
        Say nothing.
    """
    from backchannel.cli import owning  # noqa: PLC0415 - not for the help

    return owning.record(file, duration=duration, interval=interval, here=here, quiet=quiet)


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


@app.command
def learn(
    store: options.Store,
    *,
    also: options.Folders = (),
    root: options.Folder = None,
    quiet: options.Quiet = False,
) -> int:
    """Write a trust store: all programs that are as their packages brought them.

    Exits with 1 if one is altered; it is named, and not trusted.

    Parameters
    ----------
    store
        The file; one that is there is written anew.
    also
        Trust all programs in this folder, too, as they are now.
    root
        Learn from the files of another system, mounted here.
    quiet
        Say nothing of what changed.
    """
    from backchannel.cli import controlling  # noqa: PLC0415 - not for the help

    return controlling.learn(store, also=also, tree=root, quiet=quiet)


@app.command(usage="backchannel host judge [OPTIONS] POLICY FILES...")
def judge(
    policy: Path,
    *files: Path,
    trust: options.Store,
    catalogue: options.Folders = (),
    json: bool = False,
) -> int:
    """Say what a policy would decide of programs, and why. Nothing is enforced.

    Exits with 1 if one would be denied, or cut off the network.

    Parameters
    ----------
    policy
        The policy for programs.
    files
        Programs.
    trust
        The trust store.
    catalogue
        Folders with your own service files.
    json
        Print one JSON document.
    """
    from backchannel.cli import controlling  # noqa: PLC0415 - not for the help

    return controlling.judge(policy, files, store=trust, own=catalogue, as_json=json)


@app.command(usage="backchannel host control [OPTIONS] POLICY")
def control(
    policy: Path,
    *,
    trust: options.Store,
    on: options.Folders = (),
    mode: Literal["observe", "alert", "deny"] | None = None,
    log: options.OrStandardOutput = None,
    stall: options.Seconds = 10.0,
    duration: options.Time = None,
    catalogue: options.Folders = (),
    quiet: options.Quiet = False,
) -> int:
    """Let run what a policy allows, until Ctrl-C or SIGTERM. Needs root.

    SIGHUP reads policy and store anew.
    When this ends, for whatever reason, all programs run and talk again.
    Exits with 1 if one did not.

    Parameters
    ----------
    policy
        The policy for programs.
    trust
        The trust store; programs that come by packages are added to it at the end.
    on
        Ask for the programs of the file system that this folder is on; / without it.
    mode
        Go no further than this, whatever the policy says.
    log
        Write a JSON line for each refusal; `-` for stdout.
    stall
        Seconds without an answer after which control is ended (10).
    duration
        Stop after this time: 90s, 30m, 8h.
    catalogue
        Folders with your own service files.
    quiet
        Print no line for each refusal.
    """
    from backchannel.cli import controlled  # noqa: PLC0415 - not for the help

    return controlled.control(
        policy, store=trust, on=on, mode=mode, log=log, stall=stall, own=catalogue,
        duration=duration, quiet=quiet,
    )  # fmt: skip
