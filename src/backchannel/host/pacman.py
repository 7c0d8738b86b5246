"""Packages as pacman lists them: of each a folder with `desc` and `mtree`.

Facts: alpm-db and mtree(5) of libarchive; what pacman 6 itself wrote.
"""

import re
import stat
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import islice

from backchannel.host.listed import Package
from backchannel.host.root import DATABASE, Root

FOLDER = "/var/lib/pacman/local"
LARGEST = 64 << 20
"""Bytes of a list of files at most, when it is unpacked."""
PROGRAMS = 100_000
"""Programs of one package at most."""
LINE = 64 << 10
"""Bytes of one of its lines at most."""
_FIELD = re.compile(r"^%(NAME|VERSION)%\n(.*)$", re.MULTILINE)
_DIGESTS = {b"sha256digest": 64, b"sha256": 64, b"md5digest": 32}
"""Checksums and how many digits they have, the best first."""
_ASKED = frozenset({b"type", b"mode", *_DIGESTS})
"""What is read of a file: a line may name as much besides as it likes."""
_ESCAPED = re.compile(rb"\\([0-3][0-7]{2})")


def installed(root: Root) -> Iterator[Package | None]:
    """Yield each installed package; None for one that cannot be read."""
    for folder in root.names(FOLDER):
        if folder == "ALPM_DB_VERSION":
            continue
        place = f"{FOLDER}/{folder}"
        desc = root.read(f"{place}/desc", DATABASE).decode("utf-8", "replace")
        told = {found[1]: found[2] for found in _FIELD.finditer(desc)}
        tree = _unpacked(root.read(f"{place}/mtree", DATABASE))
        if "NAME" not in told or tree is None or not root.spend("database", len(tree)):
            yield None
            continue
        programs = tuple(islice(_programs(tree), PROGRAMS))
        yield Package(f"pacman:{told['NAME']}", told.get("VERSION", ""), programs)


def _unpacked(data: bytes) -> bytes | None:
    """Return what gzip packed, if that is all there and not too much."""
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        found = unpacking.decompress(data, LARGEST)
    except zlib.error:
        return None
    return found if unpacking.eof else None


def _programs(tree: bytes) -> Iterator[tuple[str, str]]:
    usual, run = dict[bytes, bytes](), False
    for line in BytesIO(tree):
        if len(line) > LINE or not (run or b"mode=" in line or line.lstrip().startswith(b"/")):
            continue  # most files are as usual, and may not be run
        name, *words = line.split() or [b""]
        pairs = (word.partition(b"=")[::2] for word in words)
        told = {key: value for key, value in pairs if key in _ASKED}
        if name.startswith(b"/"):
            if name == b"/set":
                usual |= told
            elif name == b"/unset":
                usual = {key: value for key, value in usual.items() if key not in told}
            run = _may_run(usual.get(b"mode", b""))
        elif name.startswith(b"./"):
            found = usual | told
            if found.get(b"type") == b"file" and _may_run(found.get(b"mode", b"")):
                yield _path(name), _digest(found)


def _may_run(mode: bytes) -> bool:
    return bool(re.fullmatch(rb"[0-7]{1,5}", mode)) and bool(int(mode, 8) & _ANY)


_ANY = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def _path(name: bytes) -> str:
    plain = _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), name[1:])
    return plain.decode("utf-8", "surrogateescape")


def _digest(told: dict[bytes, bytes]) -> str:
    """Return a file's checksum: SHA-256, or MD5 where that is all."""
    for name, size in _DIGESTS.items():
        value = told.get(name, b"").decode("ascii", "replace").lower()
        if re.fullmatch(f"[0-9a-f]{{{size}}}", value):
            return value
    return ""
