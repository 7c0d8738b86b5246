"""The source distribution is the whole project, tests and what they read included."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALWAYS = {"LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.py"}
"""What setuptools puts into every source distribution."""
NEVER = {".gitignore"}


def tracked():
    """Return the files and folders at the top of the repository."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git repository: what is tracked is not known")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {line.partition("/")[0] for line in listed.stdout.splitlines()}


def test_all_that_is_tracked_is_in_it():
    named = set(ALWAYS)
    for line in (ROOT / "MANIFEST.in").read_text().splitlines():
        command, _, names = line.partition(" ")
        if command in {"include", "graft"}:
            named |= set(names.split())
    assert tracked() - named == NEVER
