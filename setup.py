"""Compile the packet core, and each Python module that has a .pxd with C types beside it.

Everything else is in pyproject.toml.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from Cython.Compiler.Options import get_directive_defaults
from setuptools import Extension, setup

PACKAGE = Path("src/backchannel")
FLAGS = ["-O3", "-fno-strict-aliasing", "-Wno-sign-compare"]
LIGHT = ["-O2", "-g0", "-fno-strict-aliasing", "-Wno-array-bounds"]
"""For modules that live on Python's objects, where compiling takes two thirds of the time so."""
EXTRA = os.environ.get("BACKCHANNEL_CFLAGS", "").split()  # sanitizers, in tools/fuzz_core.py


def extensions(sources: list[Path], flags: list[str], **directives: bool) -> list[Extension]:
    """Return what makes a compiled module of each source."""
    wanted = [
        Extension(
            ".".join(path.with_suffix("").parts[1:]),
            [str(path)],
            extra_compile_args=flags + EXTRA,
            extra_link_args=EXTRA,
        )
        for path in sorted(sources)
    ]
    made: list[Extension] = cythonize(
        wanted, build_dir="build/c", language_level=3, compiler_directives=directives
    )
    return made


CORE = list(PACKAGE.rglob("*.pyx"))
if not CORE:  # without the core all would work, but far slower, and nobody would know why
    raise SystemExit("setup.py: no .pyx file found; this source tree is not complete")
TYPED = [
    types.with_suffix(".py")
    for types in PACKAGE.rglob("*.pxd")
    if types.with_suffix(".py").exists() and not types.with_suffix(".pyx").exists()
]
"""Python modules that also run as they are, and must mean the same compiled."""
KEEPING = [path for path in TYPED if "@cython.freelist" in path.with_suffix(".pxd").read_text()]
"""Of these, modules whose objects mostly live as long as one payload."""
FREE_LIST = 8
"""How many that nobody needs any more each of their classes keeps. What the .pxd says itself is
heeded beside a .pyx only."""
UNTRACKED = [path for path in KEEPING if "@cython.no_gc" in path.with_suffix(".pxd").read_text()]
"""Of these, modules none of whose objects can be part of a cycle, for which none is looked for."""
COMPILE = os.environ.get("BACKCHANNEL_COMPILE", "all")
"""`later`: leave compiling to `make`, which compiles what was edited and would do all of it again.
`core`: only what handles memory by itself, for the sanitizers."""
AS_PYTHON = {"annotation_typing": False, "nonecheck": True, "overflowcheck": True}
"""Annotations stay remarks; None where an object is needed, or a number too large for its C type,
raises."""
wanted = [] if COMPILE == "later" else extensions(CORE, FLAGS)
if COMPILE == "all":
    wanted += extensions([path for path in TYPED if path not in KEEPING], LIGHT, **AS_PYTHON)
    get_directive_defaults()["freelist"] = FREE_LIST
    wanted += extensions([path for path in KEEPING if path not in UNTRACKED], LIGHT, **AS_PYTHON)
    get_directive_defaults()["no_gc"] = True
    wanted += extensions(UNTRACKED, LIGHT, **AS_PYTHON)
setup(ext_modules=wanted, options={"build_ext": {"parallel": os.cpu_count()}})
