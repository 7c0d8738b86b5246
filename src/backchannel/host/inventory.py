"""Puts together what is known of each program: its file, package, processes, sockets, settings."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from backchannel import __version__
from backchannel.catalogue.model import Service as Sheet
from backchannel.host import (
    candidates,
    copies,
    origin,
    processes,
    settings,
    sockets,
    starters,
    users,
)
from backchannel.host.candidates import Candidate
from backchannel.host.document import Finding, Inventory, Program, Running, Service, Socket, Start
from backchannel.host.known import Known, Match
from backchannel.host.listed import Owner
from backchannel.host.packages import Packages
from backchannel.host.processes import PROC, Process
from backchannel.host.root import Budget, Digests, Root, plain
from backchannel.host.settings.place import Place
from backchannel.host.starters import Starter
from backchannel.model import Confidence
from backchannel.when import rfc3339

_NAMES = {
    Confidence.NAME: "name",
    Confidence.EXPECTED: "expected",
    Confidence.SIGNATURE: "signature",
}


def take(
    services: Mapping[str, Sheet],
    folder: str = "/",
    *,
    only: Sequence[str] = (),
    search: Sequence[str] = (),
) -> Inventory:
    """Look at this machine, or at the files in *folder* alone where that is another tree.

    *only* are the services that are asked for, *search* more folders to look for programs in.
    Raises OSError where there is no such folder.
    """
    wanted = {name: each for name, each in services.items() if not only or name in only}
    return _Taking(Known(wanted), folder, search).run()


class _Taking:
    def __init__(self, known: Known, folder: str, search: Sequence[str]) -> None:
        self._budget, self._theirs = Budget(), Budget()
        """What may be read of trees of files that root made, and of those that anybody made."""
        self._root = root = Root(folder, self._budget)
        self._packages = Packages(root)
        self._known, self._search = known, search
        self._unseen = Counter[str]()
        self._users = users.read(root)
        self._names = users.names(root)
        self._processes = list[Process]()
        if root.folder == "/":
            self._processes, unseen = processes.read()
            self._unseen += unseen
        self._sockets = _Sockets(self._unseen)
        self._starters = starters.find(root, self._users)
        self._own = processes.one(os.getpid())

    def run(self) -> Inventory:
        programs = [*self._ours(), *self._containers()]
        programs += copies.find(
            programs, self._processes, self._root, self._packages, self._running
        )
        programs.sort(key=lambda each: (each.services[0].service, each.path, each.container))
        sure = tuple(each for each in programs if not _is_hint(each))
        self._unseen["files that rights would have shown"] += self._root.denied
        for budget in (self._budget, self._theirs):
            self._unseen["files and folders, for there were too many"] += budget.refused
        return Inventory(
            tool=f"backchannel {__version__}",
            root=self._root.folder,
            processes=len(self._processes),
            programs=sure,
            hints=tuple(filter(_is_hint, programs)),
            findings=tuple(self._findings(sure)),
            unseen={name: count for name, count in sorted(self._unseen.items()) if count},
        )

    def _ours(self) -> Iterable[Program]:
        packages = self._packages
        for system in packages.unread():
            self._unseen[f"package database of {system}"] += 1
        here = [each for each in self._processes if self._is_here(each)]
        found = candidates.running(here, self._known)
        runs = {each.path for each in found if not any(p.deleted for p in each.processes)}
        found += [
            each
            for each in candidates.installed(
                self._root, packages, self._known, self._users, self._search
            )
            if each.path not in runs
        ]
        return self._programs(found, self._root, packages)

    def _containers(self) -> Iterable[Program]:
        """Yield the programs of processes that have a tree of files of their own."""
        apart = dict[tuple[str, str], list[Process]]()
        for each in self._processes:
            if not self._is_here(each):
                apart.setdefault((each.mounts, each.root), []).append(each)
        for group in apart.values():
            found = candidates.running(group, self._known)
            if not found:
                continue
            try:
                root = Root(f"{PROC}/{group[0].pid}/root", self._budget_of(group[0]))
            except OSError:  # it ended, or we may not see it
                self._unseen["containers' files"] += 1
                continue
            yield from self._programs(found, root, Packages(root))
            root.close()

    def _budget_of(self, process: Process) -> Budget:
        own = self._own.users if self._own else ""
        return self._budget if process.users in ("", own) else self._theirs

    def _is_here(self, process: Process) -> bool:
        own = self._own.mounts if self._own else ""
        return process.mounts in ("", own) and process.root == "/"

    def _programs(
        self, found: Sequence[Candidate], root: Root, packages: Packages
    ) -> Iterable[Program]:
        real = {each.path: root.real(each.path) or each.path for each in found}
        owners = packages.owners(real.values())
        for each in found:
            if made := self._program(each, root, owners.get(real[each.path])):
                yield made

    def _program(self, each: Candidate, root: Root, owner: Owner | None) -> Program | None:
        content = candidates.content(each, root)
        gone = any(process.deleted for process in each.processes)
        intact = _intact(owner, content)
        head = content.head if content else b""
        kind, package = _origin(each, root, owner, head)
        matches = self._known.matches(each.name, package, intact=intact)
        if not matches and root is not self._root:  # who made that tree says what it likes
            matches = self._known.matches(each.name, "", intact=False)
        if not matches:
            self._unseen_name(package)
            return None
        if not package and not candidates.is_program(head) and content is not None:
            self._unseen["scripts of which only the name fits"] += 1
            return None
        return Program(
            path=plain(each.path),
            services=tuple(_service(match, told=each.told) for match in matches),
            origin=kind,
            package=package,
            version=owner.version if owner else "",
            content="unknown" if intact is None or gone else ("intact" if intact else "altered"),
            sha256=content.sha256 if content else "",
            size=content.size if content else 0,
            container="" if root is self._root else _container(each),
            running=tuple(self._running(process) for process in each.processes),
            started_by=self._started(each, root) if root is self._root else (),
        )

    def _unseen_name(self, package: str) -> None:
        if package:
            self._unseen["programs of other packages whose name fits"] += 1

    def _started(self, each: Candidate, root: Root) -> tuple[Start, ...]:
        ways = {each.path, each.path.removeprefix("/usr"), *_links(root, each)}
        return tuple(map(_start, (one for one in self._starters if one.starts(ways))))

    def _running(self, process: Process) -> Running:
        own, apart = self._own, list[str]()
        if own and process.network and process.network != own.network:
            apart.append("network")
        if not self._is_here(process):
            apart.append("files")
        if own and process.users not in ("", own.users):
            apart.append("users")
        return Running(
            pid=process.pid,
            user=self._names.get(process.uid, str(process.uid)),
            uid=process.uid,
            since=rfc3339(process.started),
            unit=plain(process.unit),
            container=plain(process.container),
            namespaces=tuple(apart),  # type: ignore[arg-type]
            deleted=process.deleted,
            sockets=self._sockets.of(process),
        )

    def _findings(self, programs: Iterable[Program]) -> Iterable[Finding]:
        looked = set[str]()
        by_pid = {process.pid: process for process in self._processes}
        for each in programs:
            yield from _of_file(each)
            name = candidates.called(each.path)
            asked = settings.PROGRAMS.get(name)
            if each.container or str(asked) in looked:
                continue
            looked.add(str(asked))
            ours = (other for other in programs if not other.container)
            same = [other for other in ours if candidates.called(other.path) == name]
            runs = [by_pid[one.pid] for other in same for one in other.running]
            place = Place(self._root, self._users, runs)
            for told in settings.look(name, place):
                yield Finding(
                    id=told.id,
                    severity=told.severity,
                    category=told.category,
                    service=each.services[0].service,
                    path=each.path,
                    text=plain(told.text),
                    where=plain(told.file),
                )


class _Sockets:
    """The sockets of processes, each network's tables read once."""

    def __init__(self, unseen: Counter[str]) -> None:
        self._unseen = unseen
        self._tables = dict[str, dict[int, sockets.Socket]]()

    def of(self, process: Process) -> tuple[Socket, ...]:
        try:
            held = set(sockets.held(process.pid))
        except OSError:
            self._unseen["processes whose sockets could not be seen"] += 1
            return ()
        key = process.network or "own"
        if key not in self._tables:
            self._tables[key] = {each.inode: each for each in sockets.table(process.pid)}
        table = self._tables[key]
        found = [table[inode] for inode in held if inode in table]
        return tuple(map(_socket, sorted(found, key=_order)))


def _order(each: sockets.Socket) -> tuple[bool, str, str, str]:
    return each.state != "listening", each.transport, str(each.local), str(each.remote)


def _socket(each: sockets.Socket) -> Socket:
    return Socket(
        transport="tcp" if each.protocol == sockets.TCP else "udp",
        local=str(each.local),
        remote=str(each.remote) if each.remote else "",
        state=each.state,
    )


def _service(match: Match, *, told: bool) -> Service:
    sure = min(match.confidence, Confidence.EXPECTED) if told else match.confidence
    return Service(
        service=match.service,
        program=match.program.name,
        confidence=_NAMES[sure],  # type: ignore[arg-type]
    )


def _start(each: Starter) -> Start:
    return Start(kind=each.kind, name=plain(each.name), file=plain(each.file), enabled=each.enabled)


def _origin(
    each: Candidate, root: Root, owner: Owner | None, head: bytes
) -> tuple[origin.Kind, str]:
    return origin.of(root, each.path, head) if owner is None else ("package", owner.package)


def _container(each: Candidate) -> str:
    named = next((process.container for process in each.processes if process.container), "")
    return plain(named) or "unnamed"


def _links(root: Root, each: Candidate) -> list[str]:
    """Return the names in PATH by which a program is reached."""
    ways = (f"{folder}/{each.name}" for folder in candidates.SYSTEM)
    return [way for way in ways if root.real(way) == each.path]


def _intact(owner: Owner | None, content: Digests | None) -> bool | None:
    """Say whether a file is as its package brought it; None where that cannot be told."""
    if owner is None or content is None:
        return None
    return owner.agrees(content)


def _is_hint(program: Program) -> bool:
    named = all(each.confidence == "name" for each in program.services)
    return named and program.content != "altered"


def _of_file(program: Program) -> Iterable[Finding]:
    """Yield what a file itself shows: that it is not its package's, or is gone while it runs."""
    where = program.package or program.path
    service = program.services[0].service
    if program.content == "altered":
        yield Finding(
            id="program-altered",
            severity="high",
            category="malware",
            service=service,
            path=program.path,
            text=f"is not the file that {program.package} {program.version} brought",
            where=where,
        )
    if program.copy_of:
        yield Finding(
            id="program-renamed",
            severity="medium",
            category="evasion",
            service=service,
            path=program.path,
            text=f"is a copy of {program.copy_of} that runs from elsewhere",
            where=program.copy_of,
        )
    if gone := [each.pid for each in program.running if each.deleted]:
        yield Finding(
            id="program-deleted",
            severity="low",
            category="malware",
            service=service,
            path=program.path,
            text=f"process {', '.join(map(str, gone))} runs a file that was replaced or removed",
            where=where,
        )
