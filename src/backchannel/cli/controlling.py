"""`backchannel host learn` and `judge`: the work behind their options."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from backchannel.cli import progress
from backchannel.cli.folders import catalogue
from backchannel.cli.hosting import FOUND
from backchannel.cli.streams import complain, put_json
from backchannel.errors import UsageError
from backchannel.host.control import load, trust
from backchannel.host.control.document import Policy
from backchannel.host.control.judge import Judge, Verdict
from backchannel.host.known import Known
from backchannel.host.packages import Current, Packages
from backchannel.host.root import Budget, Root, plain
from backchannel.report.words import count
from backchannel.text import escape


def learn(store: Path, *, also: Sequence[Path], tree: Path | None, quiet: bool) -> int:
    """Write a trust store, and say what changed. Returns 1 where a program is altered."""
    if tree is not None and not tree.is_dir():
        raise UsageError(f"--root {tree}: no such folder")
    budget = Budget(hashed=trust.HASHED)
    root = Root(str(tree.resolve()) if tree else "/", budget)
    for folder in also:
        if not root.names(str(folder.absolute())):
            raise UsageError(f"--also {folder}: no such folder, or nothing in it")
    before = trust.read(store) if store.exists() else trust.Store()
    with ExitStack() as stack:
        found = trust.learn(
            root,
            [str(each.absolute()) for each in also],
            None if quiet else progress.display(stack, "packages"),
        )
    for system in Packages(root).unread():
        complain(
            f"the package database of {system} cannot be read whole: what is missing is not learnt"
        )
    if budget.refused:
        passed = count(budget.refused, "file or folder", "files or folders")
        complain(f"passed over, for there was too much: {passed}")
    if not found.entries:
        raise UsageError("no program was found that a package brought; a store of none is no store")
    after = trust.Store(found.entries)
    trust.write(store, after)
    for path in found.altered:
        complain(f"not trusted, as it is not what its package brought: {path}")
    if not quiet:
        print(_changes(before, after, len(found.altered)), file=sys.stderr)
    return FOUND if found.altered else 0


def _changes(before: trust.Store, after: trust.Store, altered: int) -> str:
    """Return how a store differs from the one that it takes the place of, in words."""
    fresh = len(after.by_path.keys() - before.by_path.keys())
    gone = len(before.by_path.keys() - after.by_path.keys())
    changed = sum(
        entry.sha256 != before.by_path[path].sha256
        for path, entry in after.by_path.items()
        if path in before.by_path
    )
    many = f"{len(after):,} programs are" if len(after) > 1 else "1 program is"
    return (
        f"{many} trusted: {fresh:,} new, {changed:,} changed, "
        f"{gone:,} gone, {altered:,} altered and not trusted"
    )


def judge(
    policy: Path, files: Sequence[Path], *, store: Path, own: Sequence[Path], as_json: bool
) -> int:
    """Say of each file what would be decided, and why. Returns 1 where one would be denied or
    cut.
    """
    _, judged = judging(policy, store, own)
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


def _row(path: str, sha256: str, verdict: Verdict) -> dict[str, str]:
    return {
        "path": path,
        "sha256": sha256,
        "action": verdict.action,
        "reason": verdict.reason,
        "rule": verdict.rule,
        "package": verdict.package,
    }


def judging(
    policy: Path, store: Path, own: Sequence[Path], trusted: trust.Store | None = None
) -> tuple[Policy, Judge]:
    """Return a policy, and who judges by it. Raises InputError."""
    services = catalogue(own)
    read = load.load(policy, services)
    return read, Judge(
        read,
        trusted if trusted is not None else trust.read(store),
        Known(services),
        owner=Current(Root("/")).owner,
        today=datetime.now(tz=UTC).date(),
        ours=_ours(),
    )


def _ours() -> list[str]:
    """Return our own program's files: the interpreter that runs us, and what starts it."""
    files = {sys.executable, sys.argv[0]}
    return sorted({os.path.realpath(each) for each in files if os.path.exists(each)})  # noqa: PTH110
