"""`backchannel policy`: write a policy once, check it, and compile it for firewalls."""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from backchannel.cli import DAMAGED, FOUND, folders, options
from backchannel.cli.streams import complain_of_damage, put_json
from backchannel.errors import UsageError

if TYPE_CHECKING:
    from backchannel.policy.check import Problem
    from backchannel.policy.compile import Backend
    from backchannel.policy.model import Rules

app = App(
    name="policy",
    help="Check a policy, compile it for real firewalls, and prove what they block.",
    default_parameter=options.DEFAULT,
    help_format="plaintext",
)

ORDER = (
    *("init", "check", "matrix", "compile", "explain", "prove"),
    *("plan", "apply", "confirm", "rollback", "diff", "remove"),
)
"""The commands in the order in which people use them."""
ELSEWHERE = (
    (
        "prove",
        "prove:prove",
        """Prove what a ruleset blocks, what leaks first and what evades it.

Recorded conversations are played by real endpoints through a network namespace
into which the ruleset is loaded. Exits with 1 if a promise is broken.""",
    ),
    (
        "plan",
        "apply:plan",
        """Show what applying a policy would change on this host.

Exits with 1 if something would change, or if somebody else's rule interferes.""",
    ),
    (
        "diff",
        "apply:diff",
        """Show where this host's rules differ from what was applied.

Exits with 1 if they do, or if nothing was applied.""",
    ),
    (
        "apply",
        "apply:apply",
        """Load a policy on this host, and undo it unless it is confirmed.

Type `yes`, or run `backchannel policy confirm` elsewhere. If neither comes,
or this command ends for any reason, the old rules come back.
Exits with 1 if they did.""",
    ),
    ("confirm", "apply:confirm", "Keep the rules that a waiting apply loaded."),
    ("rollback", "apply:rollback", "Undo a waiting apply now, or one that was cut off."),
    ("remove", "apply:remove", "Remove all our rules from this host's firewall."),
    ("matrix", "matrix:matrix", "Show what each firewall can do for each rule, and why not more."),
    ("explain", "explain:explain", "Show which rule decides a flow, on each firewall, and why."),
)
"""Commands that are loaded when they are called, as `commands` has them."""
for _name, _place, _about in ELSEWHERE:
    _words = {"usage": "backchannel policy explain [OPTIONS] POLICY [CAPTURES...]"}
    app.command(
        f"backchannel.cli.policy_{_place}",
        name=_name,
        help=_about,
        sort_key=ORDER.index(_name),
        **(_words if _name == "explain" else {}),
    )


def rules(path: Path, on: str = "", catalogue: tuple[Path, ...] = ()) -> "Rules":
    """Return the policy in *path*, as it stands on the day *on*, by default today."""
    from backchannel.policy.load import load  # noqa: PLC0415 - only where called

    try:
        day = date.fromisoformat(on) if on else None
    except ValueError as error:
        raise UsageError(f"--on: {on!r} is not a day like 2027-01-31") from error
    return load(path, folders.catalogue(catalogue), day)


def firewalls(names: tuple[str, ...]) -> "dict[str, Backend]":
    """Return the named firewalls' backends, or all. Raises UsageError for an unknown name."""
    from backchannel.policy.compile import known  # noqa: PLC0415 - only where called
    from backchannel.suggest import suggest  # noqa: PLC0415 - only where called

    backends = known()
    for name in names:
        if name not in backends:
            raise UsageError(f"no firewall {name!r}; {suggest(name, backends)}")
    return {name: backends[name] for name in names or backends}


@app.command(sort_key=ORDER.index("check"))
def check(
    path: options.Policy,
    *,
    on: options.Day = "",
    json: bool = False,
    catalogue: options.Folders = (),
) -> int:
    """Check a policy for errors and likely mistakes.

    Exits with 1 if there is an error or a warning.

    Parameters
    ----------
    path
        The policy.
    on
        The day for which expiry is decided, such as 2027-01-31; by default today.
    json
        Write the problems as JSON.
    catalogue
        Folders with your own service files.
    """
    from backchannel.policy.check import check as look  # noqa: PLC0415 - only where called

    made = rules(path, on, catalogue)
    problems = look(made)
    if json:
        put_json(problems)
    else:
        _tell(made, problems)
    return FOUND if any(each.level != "note" for each in problems) else 0


def _tell(made: "Rules", problems: "list[Problem]") -> None:
    from rich.text import Text  # noqa: PLC0415 - only where shown

    from backchannel.report.console import console  # noqa: PLC0415 - only where shown
    from backchannel.report.words import count  # noqa: PLC0415 - as above

    out = console()
    styles = {"error": "bold red", "warning": "yellow", "note": "dim"}
    for each in problems:
        place = each.place or made.path
        name = f"{each.line}: " if each.line else ""
        out.print(
            Text.assemble(f"{place}: ", (each.level, styles[each.level]), f": {name}{each.text}")
        )
        if each.advice:
            out.print(Text(f"    {each.advice}", style="dim"))
    uses = sum(len(line.uses) for line in made.lines)
    out.print(
        Text(
            f"{made.name}: {count(len(made.lines), 'line')}, {count(uses, 'use')} of services, "
            f"default {made.default}; {len(problems)} to look at"
        )
    )


@app.command(usage="backchannel policy init [OPTIONS] CAPTURES...", sort_key=ORDER.index("init"))
def init(
    *captures: Path,
    out: options.FileName = None,
    force: bool = False,
    catalogue: options.Folders = (),
) -> int:
    """Write a first policy from what a scan of captures sees: observe, then decide.

    Parameters
    ----------
    captures
        Files, folders, or - for standard input.
    out
        Where to write it; by default to standard output.
    force
        Overwrite an existing file.
    catalogue
        Folders with your own service files.
    """
    from backchannel.pipeline import Scan  # noqa: PLC0415 - only where called
    from backchannel.policy.init import policy  # noqa: PLC0415 - only where called

    if not captures:
        raise UsageError("name at least one capture; to begin without one, see docs/policy.md")
    if out is not None and out.exists() and not force:
        raise UsageError(f"{out} is there already; --force writes over it")
    run = Scan(*captures)
    today = date.today().isoformat()  # noqa: DTZ011 - the author's day
    text = policy(run.document, folders.catalogue(catalogue), today)
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, encoding="utf-8")
        print(f"written: {out}; next: backchannel policy check {out}", file=sys.stderr)
    return DAMAGED if complain_of_damage(run.document.inputs) else 0


@app.command(name="compile", sort_key=ORDER.index("compile"))
def compile_(
    path: options.Policy,
    *,
    to: options.Firewalls = (),
    out: options.Folder = None,
    on: options.Day = "",
    catalogue: options.Folders = (),
) -> int:
    """Compile a policy for a firewall.

    Exits with 1 and writes nothing if a rule asks what a firewall cannot do,
    unless the rule says `best-effort`.

    Parameters
    ----------
    path
        The policy.
    to
        The firewall: nftables, iptables, pf and so on; without it all are listed.
    out
        A folder for the files; by default they go to standard output.
    on
        The day for which expiry is decided; by default today.
    catalogue
        Folders with your own service files.
    """
    from backchannel.policy.compile import (  # noqa: PLC0415 - only where called
        RefusedError,
        compile_policy,
    )

    backends = firewalls(to)
    if not to:
        raise UsageError(f"no firewall given; name one with --to: {', '.join(backends)}")
    made = rules(path, on, catalogue)
    try:
        texts = [compile_policy(made, backends[name]) for name in to]
    except RefusedError as error:
        print(f"{error}\nWith `best-effort: true` a rule accepts its gaps.", file=sys.stderr)
        return FOUND
    for compiled in texts:
        for gap in compiled.gaps:
            print(gap.told(compiled.backend), file=sys.stderr)
        for file in compiled.files:
            if out is None:
                print(file.text, end="")
                continue
            out.mkdir(parents=True, exist_ok=True)
            (out / file.name).write_text(file.text, encoding="utf-8")
            print(f"written: {out / file.name}", file=sys.stderr)
    return 0
