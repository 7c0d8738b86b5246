"""The archive of a pack: a tar file under Zstandard, of which only the plainest kind is read.

A pack holds regular files with the names below and nothing else: no folders, links, devices,
sparse files or extension headers (the standard library's reader follows several of these).
Everything is bounded, and is in memory before anything is written anywhere.
"""

import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

import zstandard

from backchannel.errors import InputError, reason
from backchannel.packs.layout import RULES, SERVICES

PACKED = 32 << 20
"""Bytes of the archive as it lies on disk."""
UNPACKED = 64 << 20
FILE = 1 << 20
"""Bytes of one file in it."""
FILES = 5_000
ABOUT, MANIFEST, SIGNATURE = "pack.toml", "manifest.sha256", "manifest.sig"
_ID = "[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
_NAME = re.compile(rf"pack\.toml|manifest\.sha256|manifest\.sig|(?:{SERVICES}|{RULES})/{_ID}\.yaml")
_WINDOW = 1 << 27
"""Memory that decompressing may take."""
_BLOCK = 512

Files = Mapping[str, bytes]


def allowed(name: str) -> bool:
    """Say whether a pack may hold a file of that name."""
    return _NAME.fullmatch(name) is not None


def write(path: Path, files: Files) -> None:
    """Write the archive; the same files give the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            tar.addfile(entry, io.BytesIO(files[name]))
    path.write_bytes(zstandard.ZstdCompressor(level=19).compress(packed.getvalue()))


def read(path: Path) -> dict[str, bytes]:
    """Return the files of an archive by name. Raises InputError for anything unusual."""
    try:
        with path.open("rb") as file:
            packed = file.read(PACKED + 1)
    except OSError as error:
        raise InputError(path, reason(error)) from error
    if len(packed) > PACKED:
        raise InputError(path, f"a pack has at most {PACKED} bytes")
    return _untar(path, _unpack(path, packed))


def _unpack(path: Path, packed: bytes) -> bytes:
    try:
        with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(packed) as stream:
            data: bytes = stream.read(UNPACKED + 1)
    except zstandard.ZstdError as error:
        raise InputError(path, f"is not a pack (.tar.zst): {error}") from error
    if len(data) > UNPACKED:
        raise InputError(path, f"a pack unpacks to at most {UNPACKED} bytes")
    return data


def _untar(path: Path, data: bytes) -> dict[str, bytes]:
    if not data:
        raise InputError(path, "is empty, or was cut short on its way")
    files, at = dict[str, bytes](), 0
    while any(header := data[at : at + _BLOCK]):
        name, size = _header(path, header, at)
        at += _BLOCK
        if name in files or len(files) >= FILES or size > FILE or at + size > len(data):
            raise InputError(
                path,
                f"{name}: duplicate, cut short, too large, or beyond the number of files allowed",
            )
        files[name] = data[at : at + size]
        at += -(-size // _BLOCK) * _BLOCK
    return files


def _header(path: Path, header: bytes, at: int) -> tuple[str, int]:
    """Return name and size from a ustar header (POSIX.1-1988, `pax` §ustar interchange format)."""
    plain = len(header) == _BLOCK and header[257:263] == b"ustar\0" and not any(header[345:500])
    if not plain or header[156:157] != b"0":
        raise InputError(path, "holds something other than plain files", f"byte {at}")
    summed = sum(header[:148]) + 8 * 32 + sum(header[156:])
    name = header[:100].rstrip(b"\0").decode("latin-1")
    if _octal(header[148:156]) != summed:
        raise InputError(path, "a header's checksum is wrong", f"byte {at}")
    size = _octal(header[124:136])
    if not allowed(name) or size < 0:
        raise InputError(path, f"{name!r} does not belong in a pack", f"byte {at}")
    return name, size


def _octal(field: bytes) -> int:
    digits = field.strip(b"\0 ")
    return int(digits, 8) if digits and set(digits) <= set(b"01234567") else -1
