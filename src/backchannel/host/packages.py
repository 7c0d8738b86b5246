"""Which package brought a file, read from the package databases themselves.

Debian's: `status`, and of each package `info/NAME.list` (its files) and `info/NAME.md5sums` (their
checksums); dpkg(1), deb-md5sums(5), dpkg-divert(1). Alpine's, which containers have: one file,
apk-installed(5). Those of RPM and pacman have modules of their own.
"""

import posixpath
import re
import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from io import BytesIO

from backchannel.host import pacman, rpm
from backchannel.host.listed import Owner, Package
from backchannel.host.root import DATABASE, Root

INFOS = 500_000
"""Files of packages' lists and scripts: some five of each package, and Debian has 60,000."""
DPKG, APK = "/var/lib/dpkg", "/lib/apk/db/installed"
OTHERS = {"pacman": pacman.installed, "rpm": rpm.installed}
"""Databases that are read whole, by their systems."""
SLOW, RESTS = 0.5, 5
"""Seconds of a reading after which, for so many times as long, there is no other: while an upgrade
changes a large database somebody may ask at each moment, and wait for it.
"""
PROGRAMS, PATHS = 1_000_000, 128 << 20
"""Programs of one such database at most, and characters of their paths."""
CHANGING = (
    *(f"{DPKG}/{name}" for name in ("status", "info", "diversions")),
    pacman.FOLDER,
    *(f"{folder}/{rpm.NAME}{end}" for folder in rpm.FOLDERS for end in ("", "-wal")),
)
"""What an upgrade changes."""
_MERGED = ("/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/lib64/", "/usr/libexec/")
"""What a file list may name without `/usr`: systems merged these folders."""
_DATA = ("/etc/", "/usr/share/", "/usr/include/", "/var/")
"""Where no program is, though a file may have a program's name."""


_UNMERGED = ("/bin/", "/sbin/", "/lib")
"""How a file list may begin what systems that merged `/usr` have there."""


class Packages:
    """The package databases of one tree of files."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def unread(self) -> list[str]:
        """Return the systems whose databases are there and could not be read, or not whole."""
        return sorted(system for system, found in self._others.items() if None in found)

    @cached_property
    def _others(self) -> dict[str, list[Package | None]]:
        """The packages of systems whose databases are read whole."""
        return {system: list(_bounded(listed(self._root))) for system, listed in OTHERS.items()}

    @cached_property
    def listed(self) -> dict[str, Owner]:
        """The owners of programs that such databases list, by every path that they have."""
        return {
            way: Owner(package.name, package.version, digest)
            for package in self._whole()
            for path, digest in package.programs
            for way in _merged(path)
        }

    def _whole(self) -> Iterator[Package]:
        for found in self._others.values():
            yield from filter(None, found)

    def owners(self, paths: Iterable[str]) -> dict[str, Owner]:
        """Return the package of each of *paths* that belongs to one."""
        wanted = {path for path in paths if path.startswith("/")}
        if not wanted:
            return {}
        theirs = {path: self.listed[path] for path in wanted if path in self.listed}
        return self.of_apk(wanted) | theirs | self._of_dpkg(wanted)

    def files(self, packages: Iterable[str], names: frozenset[str]) -> list[str]:
        """Return the files of these installed packages that are called one of *names*, but for
        settings, documentation and data.
        """
        wanted = {plain for system, _, plain in (each.partition(":") for each in packages)
                  if system == "deb"}  # fmt: skip
        found = [
            path
            for path, owner in self.listed.items()
            if owner.package.partition(":")[2] in wanted
            and posixpath.basename(path).lower() in names
        ]
        for plain in wanted & self._versions.keys():
            for info in self._lists.get(plain, ()):
                found += [
                    path
                    for path in self._lines(f"{info}.list")
                    if posixpath.basename(path).lower() in names and not path.startswith(_DATA)
                ]
        return found

    @property
    def count(self) -> int:
        """How many packages `checksums` yields."""
        return len(self._installed()) + sum(1 for _ in self._whole())

    def _installed(self) -> list[str]:
        return [plain for plain in self._lists if plain in self._versions]

    def checksums(self) -> Iterator[tuple[str, str, Iterable[tuple[str, str]]]]:
        """Yield name and version of each installed package, with files and their checksums."""
        for plain in self._installed():
            yield f"deb:{plain}", self._versions[plain], self._sums(plain)
        for package in self._whole():
            yield package.name, package.version, package.programs

    def _sums(self, plain: str) -> Iterator[tuple[str, str]]:
        for info in self._lists[plain]:
            for line in self._lines(f"{info}.md5sums"):
                md5, _, name = line.partition("  ")
                if path := self._now(f"/{name}", plain):
                    yield path, md5.lower()

    def _now(self, path: str, package: str) -> str:
        """Return where a package's file is now: another package may have diverted it."""
        new, by = self._moved.get(path, (path, package))
        return path if package == by else new

    def _of_dpkg(self, wanted: set[str]) -> dict[str, Owner]:
        moved = {path for old, new, _ in self._diverted for path in (old, new)} & wanted
        ways = {way: path for path in wanted - moved for way in _ways(path)}
        found = dict[str, Owner]()
        for plain, infos in self._lists.items():
            theirs = {name: path for path in moved if (name := self._called(path, plain))}
            own = {way: path for name, path in theirs.items() for way in _ways(name)}
            listed = ways | own if own else ways
            for info in infos:
                for way in sorted({line for line in self._lines(f"{info}.list") if line in listed}):
                    version = self._versions.get(plain, "")
                    found[listed[way]] = Owner(f"deb:{plain}", version, self._md5(info, way))
        return found

    def _called(self, path: str, package: str) -> str:
        """Return what *package* calls the file at *path* that was diverted, or its place; empty
        where it is not that package's.
        """
        if path in self._places:
            old, by = self._places[path]
            return "" if package == by else old
        if path in self._moved:
            return path if package == self._moved[path][1] else ""
        return path

    def _md5(self, info: str, path: str) -> str:
        end = f"  {path[1:]}"
        for line in self._lines(f"{info}.md5sums"):
            if line.endswith(end) and len(line) == 32 + len(end):
                return line[:32].lower()
        return ""

    def _lines(self, name: str) -> Iterator[str]:
        """Yield the lines of a file in `info`, one at a time: it may have millions."""
        data = self._root.read(f"{DPKG}/info/{name}", DATABASE)
        for line in BytesIO(data):
            yield line.removesuffix(b"\n").decode("utf-8", "replace")

    @cached_property
    def _lists(self) -> dict[str, list[str]]:
        """Packages, and what their files in `info` are called: `NAME` or `NAME:ARCHITECTURE`."""
        found = dict[str, list[str]]()
        for name in self._root.names(f"{DPKG}/info", INFOS):
            if name.endswith(".list"):
                info = name.removesuffix(".list")
                found.setdefault(info.partition(":")[0], []).append(info)
        return found

    @cached_property
    def _versions(self) -> dict[str, str]:
        """The versions of the packages that are installed."""
        text = self._root.read(f"{DPKG}/status", DATABASE).decode("utf-8", "replace")
        found = {}
        for paragraph in text.split("\n\n"):
            fields = dict(re.findall(r"^(Package|Status|Version): (.*)$", paragraph, re.MULTILINE))
            if fields.get("Status", "").endswith(" installed"):
                found[fields.get("Package", "")] = fields.get("Version", "")
        return found

    @cached_property
    def _diverted(self) -> list[tuple[str, str, str]]:
        """Files that a package had moved away: from where, to where, by which package."""
        lines = self._root.text(f"{DPKG}/diversions").splitlines()
        return list(zip(lines[::3], lines[1::3], lines[2::3], strict=False))

    @cached_property
    def _moved(self) -> dict[str, tuple[str, str]]:
        return {old: (new, by) for old, new, by in reversed(self._diverted)}

    @cached_property
    def _places(self) -> dict[str, tuple[str, str]]:
        return {new: (old, by) for old, new, by in reversed(self._diverted)}

    def of_apk(self, wanted: set[str]) -> dict[str, Owner]:
        """Return the owners that Alpine's database names."""
        text = self._root.read(APK, DATABASE).decode("utf-8", "replace")
        found = dict[str, Owner]()
        package = version = folder = ""
        for line in text.splitlines():
            kind, value = line[:2], line[2:]
            if kind == "P:":
                package, folder = value, ""
            elif kind == "V:":
                version = value
            elif kind == "F:":
                folder = value
            elif kind == "R:":
                path = f"/{folder}/{value}" if folder else f"/{value}"
                if path in wanted:
                    found[path] = Owner(f"apk:{package}", version, "")
        return found

    def index(self) -> dict[str, str]:
        """Return the package of each file that may be a program, as file lists name it, and also
        where systems that merged `/usr` have it.
        """
        found = dict[str, str]()
        for plain, infos in self._lists.items():
            for info in infos:
                for line in self._lines(f"{info}.list"):
                    if not line.startswith(_DATA):
                        found[line] = plain
                        if line.startswith(_UNMERGED):
                            found[f"/usr{line}"] = plain
        return found

    def owner(self, path: str, package: str) -> Owner | None:
        """Return the owner of a file that *package* was said to have."""
        for info in self._lists.get(package, ()):
            for way in _ways(path):
                if md5 := self._md5(info, way):
                    return Owner(f"deb:{package}", self._versions.get(package, ""), md5)
        return Owner(f"deb:{package}", self._versions.get(package, ""), "")

    @property
    def diverted(self) -> frozenset[str]:
        """Paths that are not whose they seem."""
        return frozenset(path for old, new, _ in self._diverted for path in (old, new))


class Current:
    """The package database as it is at each question: read again when it changed, and not else."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._stamp: tuple[int, ...] = ()
        self._rests = 0.0
        """The moment of the monotonic clock before which it is not read again."""
        self._packages = Packages(root)
        self._index = dict[str, str]()

    def owner(self, path: str) -> Owner | None:
        """Return the package of a file, if it has one."""
        states = map(self._root.status, CHANGING)
        stamp = tuple(state.st_mtime_ns if state else 0 for state in states)
        if stamp != self._stamp and time.monotonic() >= self._rests:
            self._read(stamp)
        if path in self._packages.diverted:
            return self._packages.owners([path]).get(path)
        package = self._index.get(path)
        if package is not None:
            return self._packages.owner(path, package)
        return self._packages.listed.get(path) or self._packages.of_apk({path}).get(path)

    def _read(self, stamp: tuple[int, ...]) -> None:
        began = time.monotonic()
        self._packages = Packages(self._root)
        self._index, self._stamp = self._packages.index(), stamp
        cost = len(self._packages.listed) and time.monotonic() - began
        self._rests = time.monotonic() + RESTS * cost if cost > SLOW else 0.0


def _bounded(packages: Iterable[Package | None]) -> Iterator[Package | None]:
    """Yield packages as long as they have not too many programs together; at last None, then."""
    programs, paths = PROGRAMS, PATHS
    for package in packages:
        if package:
            programs -= len(package.programs)
            paths -= sum(len(path) for path, _ in package.programs)
        whole = programs >= 0 and paths >= 0
        yield package if whole else None
        if not whole:
            return


def _merged(path: str) -> Iterator[str]:
    """Yield the paths that a listed file has, in a system that merged `/usr`, too."""
    yield path
    if path.startswith(_UNMERGED):
        yield f"/usr{path}"


def _ways(path: str) -> tuple[str, str]:
    """Return how a file list may name *path*."""
    return path, path.removeprefix("/usr") if path.startswith(_MERGED) else path
