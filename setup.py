"""Compile the packet core; everything else is in pyproject.toml."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

CORE = [
    Extension(
        ".".join(path.with_suffix("").parts[1:]),
        [str(path)],
        extra_compile_args=["-O3", "-fno-strict-aliasing"],
    )
    for path in sorted(Path("src/backchannel").rglob("*.pyx"))
]
setup(ext_modules=cythonize(CORE, language_level=3))
