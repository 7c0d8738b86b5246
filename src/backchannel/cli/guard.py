"""`backchannel guard`: a policy enforced on live traffic."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import App, Parameter

from backchannel.errors import PrivilegeError, UsageError
from backchannel.policy.document import Mode

if TYPE_CHECKING:
    from backchannel.enforce.record import Refusal
    from backchannel.enforce.ruleset import Hook
    from backchannel.enforce.status import Status

app = App(
    name="guard",
    help="Enforce a policy on live traffic, by service and capability.",
    default_parameter=Parameter(negative=(), show_default=False),
    help_format="plaintext",
)

LOG_SIZE, LOG_KEPT = 100 << 20, 10
"""Bytes after which the log is rotated, and how many before it are kept."""
CONTROL = Path("/run/backchannel/guard.sock")
_HOOKS: "dict[str, tuple[Hook, ...]]" = {
    "router": ("forward",),
    "host": ("input", "output"),
    "both": ("forward", "input", "output"),
}


@app.default
def guard(
    policy: Path,
    *,
    at: Literal["router", "host", "both"] = "router",
    mode: Mode | None = None,
    log: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    report: Path | None = None,
    queue: int = 0,
    queue_length: int = 4096,
    mark_bit: int = 26,
    control: Annotated[Path, Parameter(allow_leading_hyphen=True)] = CONTROL,
    catalogue: tuple[Path, ...] = (),
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
) -> int:
    """Enforce a policy until SIGTERM or Ctrl-C, then take every rule away again.

    Needs root, or CAP_NET_ADMIN and CAP_NET_RAW. Ends with 1 where something was refused.

    Parameters
    ----------
    policy
        The policy file.
    at
        Where: on a router (what it forwards), on a host (what it sends and gets), or both.
    mode
        Go no further than this, whatever the policy says: observe, alert, reset or drop.
    log
        Write a JSON line for each refusal, and for each use that is only told of; `-` for stdout.
    report
        Write at the end, as JSON, what was done or would have been: the same as `guard status`.
    queue
        Number of the kernel's queue; the next one is used for rules that fail closed.
    queue_length
        Packets that may wait in the kernel.
    mark_bit
        First of the four bits of marks that are ours.
    control
        The control socket, for `backchannel guard status`; `-` for none.
    catalogue
        Folders with service files of your own.
    quiet
        Print no line for each refusal.
    """
    from backchannel.catalogue import index  # noqa: PLC0415 - only where called
    from backchannel.cli.policy import rules, services  # noqa: PLC0415 - only where called
    from backchannel.enforce import able  # noqa: PLC0415 - only where called
    from backchannel.enforce.guard import Guard, Options, complain  # noqa: PLC0415 - compiled
    from backchannel.enforce.marks import Marks  # noqa: PLC0415 - only where called
    from backchannel.enforce.messages import Knowledge  # noqa: PLC0415 - only where called

    def load() -> Knowledge:
        known = services(catalogue)
        made = rules(policy, catalogue=catalogue)
        for warning in able.check(made, mode):
            complain(warning)
        return Knowledge(rules=made, services=known, index=index.build(known), limit=mode)

    options = Options(
        hooks=_HOOKS[at],
        queue=queue,
        length=queue_length,
        marks=Marks(mark_bit),
        control=None if control == Path("-") else control,
    )
    with ExitStack() as stack:
        tell = _teller(stack, log, quiet=quiet)
        try:
            running = stack.enter_context(Guard(load, options, tell=tell))
        except PermissionError as error:
            raise PrivilegeError(
                "the guard needs root, or CAP_NET_ADMIN and CAP_NET_RAW"
            ) from error
        for warning in running.warnings:
            complain(warning)
        running.obey_signals()
        made = running.known.rules
        complain(f"guarding {', '.join(options.hooks)} by {made.path}: {len(made.lines)} lines")
        running.run()
        ended = running.status()
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_bytes(msgspec.json.encode(ended) + b"\n")
    if not quiet:
        _show(ended)
    return 1 if ended.refusals else 0


@app.command
def status(*, control: Path = CONTROL, json: bool = False) -> int:
    """Show how the running guard stands: what it refused and why, and what it costs.

    Parameters
    ----------
    control
        The guard's control socket.
    json
        Write it as JSON.
    """
    from backchannel.enforce import control as socket  # noqa: PLC0415 - only where called
    from backchannel.enforce import kernel  # noqa: PLC0415 - only where called
    from backchannel.enforce.status import Status  # noqa: PLC0415 - only where called

    told = socket.ask(control, "status")
    try:
        found = msgspec.json.decode(told, type=Status)
    except msgspec.DecodeError as error:
        raise UsageError(f"the guard at {control} says: {told[:200].decode()!r}") from error
    found = msgspec.structs.replace(found, kernel=kernel.counters())
    if json:
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
    else:
        _show(found)
    return 0


@app.command
def reload(*, control: Path = CONTROL) -> int:
    """Have the running guard read its policy again, as SIGHUP does; say what came of it.

    Ends with 2 where something is wrong: then the policy before is still in force.

    Parameters
    ----------
    control
        The guard's control socket.
    """
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
    """Take away the rules of a guard that could not do it itself."""
    from backchannel.enforce import kernel  # noqa: PLC0415 - only where called

    kernel.check()
    kernel.remove()
    return 0


def _teller(stack: ExitStack, log: Path | None, *, quiet: bool) -> "Callable[[Refusal], object]":
    """Return what takes each refusal: the log, and a line for whoever watches."""
    from backchannel.enforce.guard import complain  # noqa: PLC0415 - compiled
    from backchannel.enforce.show import line  # noqa: PLC0415 - only where called
    from backchannel.live.files import Lines, Rotation  # noqa: PLC0415 - only where called

    file: Lines | None = None
    if log is not None and log != Path("-"):
        file = Lines(log, Rotation(size=LOG_SIZE, age=None, keep=LOG_KEPT), complain)
        stack.callback(file.close)

    def tell(refusal: "Refusal") -> None:
        text = msgspec.json.encode(refusal) + b"\n"
        if file is not None:
            file.write(text)
            file.flush()  # a full disk loses lines, never packets
        elif log is not None:
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        if not quiet and log != Path("-"):
            print(line(refusal), file=sys.stderr, flush=True)

    return tell


def _show(found: "Status") -> None:
    from backchannel.enforce.show import table  # noqa: PLC0415 - only where called
    from backchannel.report.terminal import console  # noqa: PLC0415 - only where called

    console().print(table(found))
