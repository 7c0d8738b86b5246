"""Runs modules that are compiled from Python as plain Python: `python -m tests.plain scan ...`."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType


class Plain(MetaPathFinder):
    """Finds the .py of a module that has a .pxd beside it, before its compiled one is found."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where the module stands; None for all others."""
        for folder in path or ():
            stem = Path(folder, fullname.rpartition(".")[2])
            if _augmented(stem):
                return spec_from_file_location(fullname, stem.with_suffix(".py"))
        return None


def is_compiled(name: str) -> bool:
    """Say whether a module that was imported has a .py that it was not made of just now."""
    file = getattr(sys.modules[name], "__file__", None) or ""
    stem = Path(file.partition(".cpython")[0])
    return file.endswith(".so") and name.startswith("backchannel") and _augmented(stem)


def _augmented(stem: Path) -> bool:
    """Say whether there is a .py of that name with a .pxd, and no .pyx."""
    suffixes = [end for end in (".py", ".pxd", ".pyx") if stem.with_suffix(end).exists()]
    return suffixes == [".py", ".pxd"]


if __name__ == "__main__":
    sys.meta_path.insert(0, Plain())
    from backchannel.cli import main

    main()
