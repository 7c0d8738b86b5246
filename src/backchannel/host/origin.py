"""Files that no package database of the system knows: by what else they were installed.

Facts: snapcraft.io's and flatpak's documentation of their folders, the AppImage specification
(magic of types 1 and 2), PyPA's specification of RECORD.
"""

import posixpath
import re
from typing import Literal

from backchannel.host.root import Root

Kind = Literal["package", "flatpak", "snap", "appimage", "pip", "portable"]
"""How a program came here: `portable` is what nobody but its user knows of."""
_SNAP = re.compile(r"/snap/([a-z0-9][a-z0-9+_-]*)/[^/]+/")
_FLATPAK = re.compile(r"/flatpak/app/([A-Za-z0-9_.-]+)/")
_INSTANCE = re.compile(r"^name=([A-Za-z0-9_.-]+)$", re.MULTILINE)
_MOUNTED = re.compile(r"/\.mount_[^/]{1,60}/")
_APPIMAGE = b"AI"
SYSTEM = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")
"""Where pip puts nothing: Debian's own Python programs are there, and belong to packages."""


def of(root: Root, path: str, head: bytes = b"") -> tuple[Kind, str]:
    """Return how the file at *path* came here, and its package (`flatpak:NAME`) where it has one.

    *head* are its first bytes. Ask only for what belongs to no package of the system.
    """
    if found := _SNAP.match(path):
        return "snap", f"snap:{found[1]}"
    if found := _FLATPAK.search(path):
        return "flatpak", f"flatpak:{found[1]}"
    if path.startswith("/app/") and (found := _INSTANCE.search(root.text("/.flatpak-info"))):
        return "flatpak", f"flatpak:{found[1]}"
    if _MOUNTED.search(path) or (head[:4] == b"\x7fELF" and head[8:10] == _APPIMAGE):
        return "appimage", ""
    if package := _wheel(root, path):
        return "pip", f"pip:{package}"
    return "portable", ""


def _wheel(root: Root, path: str) -> str:
    """Return the Python package whose list of files has a script; empty for none."""
    folder, name = posixpath.split(path)
    if posixpath.basename(folder) != "bin" or folder in SYSTEM:
        return ""
    above = posixpath.dirname(folder)
    for python in root.names(f"{above}/lib"):
        if not python.startswith("python"):
            continue
        for packages in ("site-packages", "dist-packages"):
            place = f"{above}/lib/{python}/{packages}"
            for made in root.names(place):
                if made.endswith(".dist-info") and _lists(root, f"{place}/{made}", name):
                    return made.removesuffix(".dist-info").partition("-")[0].replace("_", "-")
    return ""


def _lists(root: Root, made: str, name: str) -> bool:
    """Say whether the package's RECORD names a script in `bin`."""
    return any(
        line.partition(",")[0].endswith(f"../bin/{name}")
        for line in root.text(f"{made}/RECORD").splitlines()
    )
