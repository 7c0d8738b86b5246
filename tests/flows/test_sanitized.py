"""What is compiled under AddressSanitizer and UBSan: a short run of the fuzzer.

`make fuzz` runs it for longer.
"""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("Cython"), reason="Cython is not installed")
@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")
def test_sanitizers_find_nothing():
    """The readers of captures with the core, then the reader of the kernel's queue."""
    for what in ("core", "queue"):
        command = ["tools/fuzz_core.py", "--what", what, "--seconds", "8", "--seed", "1000"]
        run = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
        cases, _, rest = run.stdout.partition(" cases ")
        assert int(cases) > 20
        assert "nothing found" in rest
