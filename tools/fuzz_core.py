#!/usr/bin/env python3
"""Fuzz what is compiled, with AddressSanitizer and UBSan: the capture readers and the packet core,
or the reader of the kernel's packet queue with the sieve behind it.

usage: tools/fuzz_core.py [--what core|queue] [--seconds 60] [--seed 1] [--build build/sanitized]

Each case is made from its number (`core_cases`, `queue_cases`), so that `--seed N --cases 1`
repeats case N. Ends with status 1 at the first finding.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLAGS = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"


def main() -> int:
    """Build where needed, then run the cases in a process in which the sanitizers are."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--what", choices=("core", "queue"), default="core")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cases", type=int, default=1 << 60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "sanitized")
    options = parser.parse_args()
    build(options.build)
    last = options.build / "case"
    limits = [str(value) for value in (options.seconds, options.cases, options.seed)]
    command = [sys.executable, str(ROOT / "tools" / f"{options.what}_cases.py"), *limits, str(last)]
    status = subprocess.run(command, env=environment(options.build), check=False).returncode
    if status:
        print(f"found something: repeat it with --cases 1 --seed {last.read_text()}")
    return status


def build(place: Path, what: str = "core") -> None:
    """Compile the core, or `all`, with sanitizers into *place*, where it was changed."""
    where = ["--build-lib", str(place / "lib"), "--build-temp", str(place / "temp")]
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build", *where],
        cwd=ROOT,
        env=os.environ | {"CC": "gcc", "BACKCHANNEL_CFLAGS": FLAGS, "BACKCHANNEL_COMPILE": what},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def environment(place: Path) -> dict[str, str]:
    """Return the environment in which Python loads the sanitized package and its runtime."""
    runtimes = [
        subprocess.run(
            ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    return os.environ | {
        "LD_PRELOAD": " ".join(runtimes),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(place / "lib"),
    }


if __name__ == "__main__":
    sys.exit(main())
