"""Compile the packet core; everything else is in pyproject.toml."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

FLAGS = ["-O3", "-fno-strict-aliasing", "-Wno-sign-compare"]
EXTRA = os.environ.get("BACKCHANNEL_CFLAGS", "").split()  # sanitizers, in tools/fuzz_core.py
CORE = [
    Extension(
        ".".join(path.with_suffix("").parts[1:]),
        [str(path)],
        extra_compile_args=FLAGS + EXTRA,
        extra_link_args=EXTRA,
    )
    for path in sorted(Path("src/backchannel").rglob("*.pyx"))
]
if not CORE:  # without the core all would work, but far slower, and nobody would know why
    raise SystemExit("setup.py: no .pyx file found; this source tree is not complete")
setup(ext_modules=cythonize(CORE, build_dir="build/c", language_level=3))
