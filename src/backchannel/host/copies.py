"""Programs that run under another name: known by their content, where their package is installed.

Only a running file of the very size of an installed program is read.
"""

import os
from collections.abc import Callable, Iterable, Sequence

from backchannel.host import origin
from backchannel.host.document import Program, Running
from backchannel.host.packages import Packages
from backchannel.host.processes import PROC, Process
from backchannel.host.root import Digests, Root, plain


def find(
    programs: Sequence[Program],
    running: Iterable[Process],
    root: Root,
    packages: Packages,
    told: Callable[[Process], Running],
) -> list[Program]:
    """Return the copies of *programs* that run, of those *running* that are none of them yet; not
    what a package brought as it is, such as a program that has two names.

    *root* is this machine's tree of files, *told* says what is to be said of a process.
    """
    originals = {each.sha256: each for each in programs if _is_sure(each)}
    sizes = {each.size for each in originals.values()}
    known = {one.pid for each in programs for one in each.running}
    found = dict[tuple[str, Digests], list[Process]]()
    seen = dict[tuple[int, ...], Digests | None]()
    for process in running:
        if process.pid not in known and process.executable:
            content = _content(process, sizes, seen, root)
            if content is not None and content.sha256 in originals:
                found.setdefault((process.executable, content), []).append(process)
    owners = packages.owners(path for path, _ in found)
    copies = [
        (_copy(path, originals[content.sha256], those, root, told), owners.get(path), content)
        for (path, content), those in sorted(found.items())
    ]
    return [
        each
        for each, owner, content in copies
        if each.container or owner is None or not owner.agrees(content)
    ]


def _is_sure(program: Program) -> bool:
    return program.content == "intact" and not program.container


def _content(
    process: Process, sizes: set[int], seen: dict[tuple[int, ...], Digests | None], root: Root
) -> Digests | None:
    """Return the digests of what a process runs, if its size is one of those."""
    try:
        handle = os.open(f"{PROC}/{process.pid}/exe", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    state = os.fstat(handle)
    file = state.st_dev, state.st_ino, state.st_ctime_ns
    if state.st_size in sizes and file not in seen:
        seen[file] = root.hashed(handle)  # it closes it
    else:
        os.close(handle)
    return seen.get(file)


def _copy(
    path: str,
    original: Program,
    those: Sequence[Process],
    root: Root,
    told: Callable[[Process], Running],
) -> Program:
    running = tuple(map(told, those))
    apart = any("files" in one.namespaces for one in running)
    kind: origin.Kind = "portable"
    package = ""
    if not apart:
        kind, package = origin.of(root, path)
    return Program(
        path=plain(path),
        services=original.services,
        origin=kind,
        package=package,
        content="unknown",
        sha256=original.sha256,
        size=original.size,
        container=(running[0].container or "unnamed") if apart else "",
        running=running,
        copy_of=original.path,
    )
