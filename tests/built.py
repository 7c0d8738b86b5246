"""A compiled module stands before the source beside it: one that is older hides what was edited."""

from pathlib import Path


def stale(package: Path) -> list[str]:
    """Return what hides the sources of *package*: a sentence for each compiled module.

    A module is made of a .pyx, or of a .py with a .pxd beside it. An installed package has neither
    .pyx nor .pxd, and nobody edits it.
    """
    told = []
    sources = {path.with_suffix("") for end in ("pyx", "pxd") for path in package.rglob(f"*.{end}")}
    for library in sorted(package.rglob("*.so")) if sources else ():
        stem = library.parent / library.name.partition(".")[0]
        made_of = [
            path for end in (".pyx", ".pxd", ".py") if (path := stem.with_suffix(end)).exists()
        ]
        if stem not in sources:
            told.append(f"{library}: what it was made of is gone, delete it")
        elif any(path.stat().st_mtime > library.stat().st_mtime for path in made_of):
            told.append(f"{library} is older than its source")
    return told
