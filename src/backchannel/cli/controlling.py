"""`backchannel host learn`, `judge` and `control`: the work behind their options."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from backchannel.cli.hosting import FOUND, catalogue
from backchannel.cli.outputs import named
from backchannel.cli.streams import complain, put_json
from backchannel.cli.targets import STDOUT
from backchannel.errors import UsageError, in_one_line
from backchannel.host.control import load, trust
from backchannel.host.control.document import Mode, Policy
from backchannel.host.control.judge import Judge, Verdict
from backchannel.host.known import Known
from backchannel.host.packages import Owner, Packages
from backchannel.host.root import Root, plain
from backchannel.text import escape

if TYPE_CHECKING:
    from backchannel.host.control.controller import Refusal

ORDER: tuple[Mode, ...] = ("observe", "alert", "deny")


def learn(store: Path, *, also: Sequence[Path], tree: Path | None, quiet: bool) -> int:
    """Write a trust store, and say what changed. Returns 1 where a program is altered."""
    if tree is not None and not tree.is_dir():
        raise UsageError(f"--root {tree}: no such folder")
    root = Root(str(tree.resolve()) if tree else "/")
    for folder in also:
        if not root.names(str(folder.absolute())):
            raise UsageError(f"--also {folder}: no such folder, or nothing in it")
    before = trust.read(store) if store.exists() else trust.Store()
    with ExitStack() as stack:
        found = trust.learn(root, [str(each.absolute()) for each in also], _progress(stack, quiet))
    for system in Packages(root).unread():
        complain(f"the package database of {system} is not read: its programs are not learnt")
    if not found.entries:
        raise UsageError("no program was found that a package brought; a store of none is no store")
    after = trust.Store(found.entries)
    trust.write(store, after)
    for path in found.altered:
        complain(f"not trusted, as it is not what its package brought: {path}")
    if not quiet:
        fresh = len(after.by_path.keys() - before.by_path.keys())
        gone = len(before.by_path.keys() - after.by_path.keys())
        changed = sum(
            entry.sha256 != before.by_path[path].sha256
            for path, entry in after.by_path.items()
            if path in before.by_path
        )
        many = f"{len(after):,} programs are" if len(after) > 1 else "1 program is"
        print(
            f"{many} trusted: {fresh:,} new, {changed:,} changed, "
            f"{gone:,} gone, {len(found.altered):,} altered and not trusted",
            file=sys.stderr,
        )
    return FOUND if found.altered else 0


def judge(
    policy: Path, files: Sequence[Path], *, store: Path, own: Sequence[Path], as_json: bool
) -> int:
    """Say of each file what would be decided, and why. Returns 1 where one would be denied or
    cut.
    """
    _, judged = _judge(policy, store, own)
    root, rows = Root("/"), list[dict[str, str]]()
    for file in files:
        path = root.real(str(file.absolute()))
        content = root.digests(path) if path else None
        if content is None:
            raise UsageError(f"{file}: is no file that can be read")
        rows.append(_row(plain(path), content.sha256, judged.decide(plain(path), content)))
    if as_json:
        put_json({"version": 1, "verdicts": rows})
    else:
        for row in rows:
            rule = f" by {row['rule']}" if row["rule"] else ""
            print(f"{row['action']:5}  {row['reason']}{rule}  {escape(row['path'])}")
    return FOUND if any(row["action"] != "allow" for row in rows) else 0


def _cuts(policy: Policy) -> bool:
    actions = {policy.unknown, policy.altered, *(rule.action for rule in policy.rules)}
    return "cut" in actions


def _row(path: str, sha256: str, verdict: Verdict) -> dict[str, str]:
    return {
        "path": path,
        "sha256": sha256,
        "action": verdict.action,
        "reason": verdict.reason,
        "rule": verdict.rule,
        "package": verdict.package,
    }


def _judge(
    policy: Path, store: Path, own: Sequence[Path], trusted: trust.Store | None = None
) -> tuple[Policy, Judge]:
    services = catalogue(own)
    read = load.load(policy, services)
    return read, Judge(
        read,
        trusted if trusted is not None else trust.read(store),
        Known(services),
        owner=_owner,
        today=datetime.now(tz=UTC).date(),
        ours=_ours(),
    )


def _owner(path: str) -> Owner | None:
    """Return the package of a path, by the database as it is now."""
    root = Root("/")
    try:
        return Packages(root).owners([path]).get(path)
    finally:
        root.close()


def _ours() -> list[str]:
    """Return our own program's files: the interpreter that runs us, and what starts it."""
    files = {sys.executable, sys.argv[0]}
    return sorted({os.path.realpath(each) for each in files if os.path.exists(each)})  # noqa: PTH110


def control(
    policy: Path,
    *,
    store: Path,
    on: Sequence[Path],
    mode: Mode | None,
    log: Path | None,
    stall: float,
    own: Sequence[Path],
    duration: str | None,
    quiet: bool,
) -> int:
    """Control programs until told to stop; return 1 where one was refused, or would have been.

    Raises UsageError, InputError and PrivilegeError.
    """
    from backchannel.host.control.controller import Controller, until_told  # noqa: PLC0415 - asked
    from backchannel.live.units import Duration  # noqa: PLC0415 - only where asked

    if not 1 <= stall <= 60:
        raise UsageError(f"--stall {stall:g}: between 1 and 60 seconds")
    try:
        seconds = float(Duration.read(duration)) if duration is not None else float("inf")
    except ValueError as error:
        raise UsageError(f"--duration {duration}: {error}; for example 90s or 8h") from None
    trusted = trust.read(store)
    read, judged = _judge(policy, store, own, trusted)
    if not trusted and read.unknown != "allow":
        raise UsageError(
            f"{store}: trusts no program, and the policy denies those that are not trusted; "
            f"run `backchannel host learn {store}`"
        )
    limited: Mode = min(read.mode, mode or read.mode, key=ORDER.index)
    folders = [str(each) for each in on] or ["/"]
    learned = list[trust.Entry]()
    with ExitStack() as stack:
        lines = _log(log, stack) if log is not None else None

        def tell(refusal: "Refusal") -> None:
            if lines is not None:
                lines.write(msgspec.json.encode(refusal) + b"\n")
                lines.flush()
            if not quiet:
                print(_words(refusal), flush=True)

        def keep(entry: trust.Entry) -> None:
            trusted.add(entry)
            learned.append(entry)

        controller = Controller(
            judged, limited, folders, tell=tell, learn=keep, limit=stall, cuts=_cuts(read)
        )
        until_told(controller)
        if not quiet:
            where = ", ".join(map(in_one_line, folders))
            print(
                f"control of programs on {where}, mode {limited}; Ctrl-C ends it", file=sys.stderr
            )
        controller.run(time.monotonic() + seconds)
    if learned:
        trust.write(store, trusted)
    if not quiet:
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(controller.counts.items()))
        print(f"{told or 'nothing was run'}", file=sys.stderr)
    return FOUND if controller.refused else 0


def _log(path: Path, stack: ExitStack) -> IO[bytes]:
    """Open the log: lines are added to what is there. It is for its owner alone."""
    if path == STDOUT:
        return sys.stdout.buffer
    with named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return stack.enter_context(os.fdopen(handle, "ab"))


def _words(refusal: "Refusal") -> str:
    rule = f" by {refusal.rule}" if refusal.rule else ""
    by = f", run by {escape(refusal.by)}" if refusal.by else ""
    return (
        f"{refusal.time[11:19]} {refusal.action} {refusal.reason}{rule}: "
        f"{escape(refusal.path)}{by} (process {refusal.pid}, user {refusal.uid})"
    )


def _progress(stack: ExitStack, quiet: bool) -> "Progress":
    return Progress(stack, shown=not quiet and sys.stderr.isatty())


class Progress:
    """Shows on a terminal how far learning is, after a second of it."""

    def __init__(self, stack: ExitStack, *, shown: bool) -> None:
        self._began, self._shown, self._told = time.monotonic(), shown, False
        stack.callback(self._clear)

    def __call__(self, done: int, total: int) -> None:
        """Tell that so many packages of so many were looked at."""
        if self._shown and time.monotonic() - self._began > 1:
            self._told = True
            print(f"\r{done:,} of {total:,} packages", end="", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._told:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
