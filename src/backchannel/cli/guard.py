"""`backchannel guard`: a policy enforced on live traffic."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from backchannel.cli import options
from backchannel.cli.streams import put_json
from backchannel.errors import UsageError
from backchannel.grades import Mode
from backchannel.suggest import suggest

if TYPE_CHECKING:
    from backchannel.enforce.status import Status

app = App(
    name="guard",
    usage="backchannel guard [OPTIONS] [POLICY] | COMMAND",
    default_parameter=options.DEFAULT,
    help_format="plaintext",
)

CONTROL = Path("/run/backchannel/guard.sock")


@app.default
def guard(
    policy: Path | None = None,
    *,
    config: options.FileName = None,
    at: Literal["router", "host", "both"] | None = None,
    mode: Mode | None = None,
    log: options.OrStandardOutput = None,
    evidence: options.Folder = None,
    report: options.FileName = None,
    metrics: options.Address = None,
    queue: int | None = None,
    queue_length: int | None = None,
    mark_bit: int | None = None,
    control: options.Socket = None,
    catalogue: options.Folders = (),
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
) -> int:
    """Enforce a policy on live traffic, by service and capability.

    SIGTERM and Ctrl-C end it and remove its rules; SIGHUP reads all files again.
    Needs root, or CAP_NET_ADMIN and CAP_NET_RAW.
    Exits with 1 if something was refused, or would have been.

    Parameters
    ----------
    policy
        The policy file; where it is not given, the configuration names it.
    config
        TOML, with conf.d/*.toml beside it; by default /etc/backchannel/backchannel.toml, if there.
    at
        Where: on a router (what it forwards), on a host (what it sends and gets), or both.
    mode
        Go no further than this, whatever the policy says: observe, alert, reset or drop.
    log
        Write a JSON line for each refusal, and for each use that is only reported; `-` for stdout.
    evidence
        Write the conversation of each refusal, as far as it was seen, into this folder as a pcap.
    report
        Write at the end, as JSON, what was done or would have been: the same as `guard status`.
    metrics
        Serve metrics for Prometheus on this address and port: 127.0.0.1:9470.
    queue
        Number of the kernel's queue (0); the next one is used for rules that fail closed.
    queue_length
        Packets that may wait in the kernel (4096), in each queue.
    mark_bit
        First of the four bits of marks that are ours (26).
    control
        The control socket, for `backchannel guard status` and `reload`; `-` for none.
    catalogue
        Folders with your own service files.
    quiet
        Print no line for each refusal.
    """
    from backchannel.cli import guarding  # noqa: PLC0415 - compiled

    if policy is not None and "." not in str(policy) and not policy.exists():
        commands = [name for name in app if not name.startswith("-")]
        raise UsageError(
            f"no policy and no command {str(policy)!r}: {suggest(str(policy), commands)}"
        )
    given = {
        "policy": policy,
        "at": at,
        "mode": mode,
        "log": log,
        "evidence": evidence,
        "report": report,
        "metrics": metrics,
        "queue": queue,
        "queue_length": queue_length,
        "mark_bit": mark_bit,
        "control": control,
        "catalogue": catalogue or None,
    }
    ended = guarding.run(config, given, quiet=quiet or log == Path("-"))
    if not quiet:
        _show(ended)
    return 1 if ended.refusals else 0


@app.command
def status(*, control: options.Control = CONTROL, json: bool = False) -> int:
    """Show the state of the running guard: what it refused and why, and what it costs.

    Parameters
    ----------
    control
        The guard's control socket.
    json
        Write it as JSON.
    """
    import msgspec  # noqa: PLC0415 - only where called

    from backchannel.enforce import control as socket  # noqa: PLC0415 - only where called
    from backchannel.enforce.status import Status  # noqa: PLC0415 - only where called

    told = socket.ask(control, "status")
    try:
        found = msgspec.json.decode(told, type=Status)
    except msgspec.DecodeError as error:
        raise UsageError(f"the guard at {control} says: {told[:200].decode()!r}") from error
    if json:
        put_json(found)
    else:
        _show(found)
    return 0


@app.command
def reload(*, control: options.Control = CONTROL) -> int:
    """Have the running guard read its policy again, as SIGHUP does.

    Exits with 2 if something is wrong: then the old policy is still in force.

    Parameters
    ----------
    control
        The guard's control socket.
    """
    import msgspec  # noqa: PLC0415 - only where called

    from backchannel.enforce import control as socket  # noqa: PLC0415 - only where called

    told = msgspec.json.decode(socket.ask(control, "reload"), type=dict[str, object])
    if told.get("reloaded") is not True:
        raise UsageError(
            f"not reloaded, the old policy stays in force:\n{told.get('trouble') or told}"
        )
    print("reloaded")
    return 0


@app.command
def clear() -> int:
    """Remove the rules of a guard that could not remove them itself.

    Exits with 2 while a guard is at work: it would load them again.
    """
    from backchannel.enforce import kernel  # noqa: PLC0415 - only where called

    kernel.check()
    sign = kernel.alone()
    kernel.remove()
    sign.close()
    return 0


def _show(found: "Status") -> None:
    from backchannel.enforce.show import table  # noqa: PLC0415 - only where called
    from backchannel.report.console import show  # noqa: PLC0415 - only where called

    show(table(found))
