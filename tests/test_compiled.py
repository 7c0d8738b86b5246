"""Modules that are compiled from Python say what they say as plain Python."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import backchannel

ROOT = Path(__file__).parents[1]
PACKAGE = Path(backchannel.__file__).parent
COMPILED = sorted(
    path.with_suffix("").relative_to(PACKAGE)
    for path in PACKAGE.rglob("*.pxd")
    if path.with_suffix(".py").exists() and not path.with_suffix(".pyx").exists()
)


SCAN = "from backchannel.cli import main; main()"


def run(*command):
    """Return what a command of this Python wrote, and a log of what it imported from where."""
    env = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-v", *command], cwd=ROOT, env=env, capture_output=True, check=False
    )
    assert done.returncode in {0, 1}, done.stderr[-2000:]
    return done.stdout, done.stderr.decode()


def test_there_are_such_modules():
    assert COMPILED
    if any(PACKAGE.rglob("*.so")):  # nobody forgot to compile one
        assert [path for path in COMPILED if not list(PACKAGE.glob(f"{path}.*.so"))] == []


def test_what_depends_on_changed_types_is_compiled_again():
    # Cython 3.3 follows `cimport package.module as name`, not `from package cimport module`
    lost = [
        f"{path.relative_to(PACKAGE)}: {line}"
        for path in (*PACKAGE.rglob("*.pxd"), *PACKAGE.rglob("*.pyx"))
        for line, package, names in re.findall(
            r"^(from ([\w.]+) cimport (\([^)]*\)|.*))", path.read_text(), re.MULTILINE
        )
        for name in re.findall(r"(\w+)(?: as \w+)?", names)
        if PACKAGE.parent.joinpath(*package.split("."), f"{name}.pxd").exists()
    ]
    assert lost == []


@pytest.mark.parametrize("where", ["ipsec", "aim", "bittorrent"])
def test_the_document_is_the_same(where):
    asked = "scan", f"examples/{where}", "--json", "--quiet"
    plain, log = run("-m", "tests.plain", *asked)
    assert f"{PACKAGE}/engine/engine.py" in log
    assert not [path for path in COMPILED if f"{PACKAGE}/{path}.cpython" in log]
    assert run("-c", SCAN, *asked)[0] == plain
