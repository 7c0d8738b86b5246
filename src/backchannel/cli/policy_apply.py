"""`backchannel policy plan, diff, apply, confirm, rollback, remove`: a policy on this host."""

import os
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from backchannel.cli import FOUND, options
from backchannel.cli.policy import firewalls, rules
from backchannel.cli.streams import put_json
from backchannel.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from backchannel.apply.compare import Plan
    from backchannel.apply.firewall import Firewall
    from backchannel.apply.state import Record, State
    from backchannel.policy.compile import File
    from backchannel.policy.model import Rules


def _made(path: Path, to: str, catalogue: tuple[Path, ...]) -> "tuple[Rules, tuple[File, ...]]":
    """Return the policy and its text. Raises UsageError where the firewall cannot do it."""
    from backchannel.policy.compile import (  # noqa: PLC0415 - only where called
        RefusedError,
        compile_policy,
    )

    made = rules(path, "", catalogue)
    try:
        return made, compile_policy(made, firewalls((to,))[to]).files
    except RefusedError as error:
        raise UsageError(f"{error}\nWith `best-effort: true` a rule accepts its gaps.") from error


def _here(to: str, state: Path | None) -> "tuple[Firewall, State]":
    from backchannel.apply import local  # noqa: PLC0415 - only where called

    return local.firewall(to), local.state(state)


def plan(
    path: options.Policy,
    *,
    to: options.Firewall = "nftables",
    state: options.Folder = None,
    json: bool = False,
    catalogue: options.Folders = (),
) -> int:
    """Show what applying a policy would change on this host.

    Exits with 1 if something would change, or if somebody else's rule interferes.

    Parameters
    ----------
    path
        The policy.
    to
        The firewall: nftables or iptables.
    state
        Folder that knows what was applied; by default /var/lib/backchannel-policy for root.
    json
        Write the plan as JSON.
    catalogue
        Folders with your own service files.
    """
    from backchannel.apply.compare import plan as compare  # noqa: PLC0415 - only where called

    _, files = _made(path, to, catalogue)
    wall, kept = _here(to, state)
    made = compare(wall, files, kept)
    if json:
        put_json(made)
    else:
        _show(made)
    return FOUND if made.changes or made.foreign else 0


def diff(
    *, to: options.Firewall = "nftables", state: options.Folder = None, json: bool = False
) -> int:
    """Show where this host's rules differ from what was applied.

    Exits with 1 if they do, or if nothing was applied.

    Parameters
    ----------
    to
        The firewall: nftables or iptables.
    state
        Folder that knows what was applied.
    json
        Write the difference as JSON.
    """
    from backchannel.apply.compare import drift  # noqa: PLC0415 - only where called

    wall, kept = _here(to, state)
    made = drift(wall, kept)
    if json:
        put_json(made)
    else:
        _show(made)
    return 0 if made.standing == "as applied" and not made.foreign else FOUND


def apply(
    path: options.Policy,
    *,
    to: options.Firewall = "nftables",
    confirm_within: options.Within = "60s",
    yes: bool = False,
    state: options.Folder = None,
    catalogue: options.Folders = (),
) -> int:
    """Load a policy on this host, and undo it unless it is confirmed.

    Type `yes`, or run `backchannel policy confirm` elsewhere. If neither comes,
    or this command ends for any reason, the old rules come back.
    Exits with 1 if they did.

    Parameters
    ----------
    path
        The policy.
    to
        The firewall: nftables or iptables.
    confirm_within
        How long to wait, such as 90s or 5m.
    yes
        Confirm at once: for programs that test the result themselves.
    state
        Folder that knows what was applied.
    catalogue
        Folders with your own service files.
    """
    from backchannel.apply import apply as loading  # noqa: PLC0415 - only where called
    from backchannel.apply.management import cut, sessions  # noqa: PLC0415 - only where called
    from backchannel.policy.check import check  # noqa: PLC0415 - only where called

    made, files = _made(path, to, catalogue)
    wrong = [f"{each.place}: {each.text}" for each in check(made) if each.level == "error"]
    wrong += cut(made, sessions())
    if wrong:
        raise UsageError("not loaded:\n" + "\n".join(wrong))
    wall, kept = _here(to, state)
    within = _seconds(confirm_within)

    def record(live: str) -> "Record":
        from backchannel.apply.state import Record  # noqa: PLC0415 - only where called
        from backchannel.when import rfc3339  # noqa: PLC0415 - only where called

        return Record(
            firewall=wall.name,
            policy=str(path.resolve()),
            name=made.name,
            digest=made.digest,
            time=rfc3339(time.time_ns()),
            live=live,
        )

    ask = (lambda _seconds, _settled: True) if yes else _ask
    outcome = loading.apply(wall, files, kept, record=record, within=within, confirm=ask)
    said = {
        "unchanged": "nothing to change: the kernel has these rules already",
        "kept": f"applied: {made.name}",
        "undone": "not confirmed: the old rules are back",
    }
    print(said[outcome], file=sys.stderr)
    return FOUND if outcome == "undone" else 0


def confirm(*, to: options.Firewall = "nftables", state: options.Folder = None) -> int:
    """Keep the rules that a waiting apply loaded.

    Parameters
    ----------
    to
        The firewall: nftables or iptables.
    state
        Folder that knows what was applied.
    """
    from backchannel.apply import apply as loading  # noqa: PLC0415 - only where called

    _, kept = _here(to, state)
    loading.confirm(kept)
    print("confirmed", file=sys.stderr)
    return 0


def rollback(*, to: options.Firewall = "nftables", state: options.Folder = None) -> int:
    """Undo a waiting apply now, or one that was cut off.

    Parameters
    ----------
    to
        The firewall: nftables or iptables.
    state
        Folder that knows what was applied.
    """
    from backchannel.apply import apply as loading  # noqa: PLC0415 - only where called

    wall, kept = _here(to, state)
    loading.rollback(wall, kept)
    print("the old rules are back", file=sys.stderr)
    return 0


def remove(*, to: options.Firewall = "nftables", state: options.Folder = None) -> int:
    """Remove all our rules from this host's firewall.

    Parameters
    ----------
    to
        The firewall: nftables or iptables.
    state
        Folder that knows what was applied.
    """
    from backchannel.apply import apply as loading  # noqa: PLC0415 - only where called

    wall, kept = _here(to, state)
    there = loading.remove(wall, kept)
    print("removed" if there else "there was nothing of ours", file=sys.stderr)
    return 0


def _seconds(text: str) -> float:
    """Return a duration such as 90s, 5m or 1h in seconds."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 86_400:
        raise UsageError(f"--confirm-within: {text!r} is not a time like 60s, 5m or 1h, up to 24h")
    return seconds


def _ask(seconds: float, settled: Callable[[], bool]) -> bool:
    """Wait for `yes` on the terminal, or for a word from elsewhere."""
    end = time.monotonic() + seconds
    heard = b""
    listen = sys.stdin is not None and sys.stdin.isatty()
    here = "type yes and Enter to keep them, or " if listen else ""
    try:
        print(
            f"loaded. Look whether you can still work; {here}run `backchannel policy confirm` "
            f"elsewhere. Otherwise the old rules are back in {seconds:.0f} s.",
            file=sys.stderr,
        )
        while time.monotonic() < end and not settled():
            if select.select([0] if listen else [], [], [], 0.2)[0]:
                said = os.read(0, 256)
                heard += said
                if b"\n" in heard or not said:
                    return heard.strip().lower() in (b"yes", b"y")
    except KeyboardInterrupt:  # an answer, too
        print(file=sys.stderr)
    return False


def _show(made: "Plan") -> None:
    from rich.text import Text  # noqa: PLC0415 - only where shown

    from backchannel.report.console import console  # noqa: PLC0415 - only where shown

    out = console()
    about = {
        "not applied": "nothing of ours was applied here",
        "as applied": f"as applied {made.applied}",
        "drifted": f"changed by somebody else since it was applied {made.applied}",
    }
    out.print(Text(f"{made.firewall}: {about[made.standing]}"))
    _lines(out, "Changed since:", made.drift)
    _lines(out, "To change:", made.changes)
    for each in made.foreign:
        told = Text.assemble((each.does, "bold yellow"), f": {each.where}: {each.rule}")
        out.print(told)
        out.print(Text(f"    {each.why}", style="dim"))


def _lines(out: "Console", title: str, lines: tuple[str, ...]) -> None:
    from rich.text import Text  # noqa: PLC0415 - only where shown

    styles = {"+": "green", "-": "red", "@": "cyan"}
    if lines:
        out.print(Text(title, style="bold"))
    for line in lines:
        out.print(Text(f"  {line}", style=styles.get(line[:1], "")), soft_wrap=True)
