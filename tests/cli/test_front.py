"""The first page without the library that reads command lines: the same, and at once."""

import contextlib
import io
import os
import pty
import subprocess
import sys

import pytest
from rich.console import Console

from backchannel import __version__
from backchannel.cli import front
from backchannel.cli.application import app

PROGRAM = "from backchannel.cli import main; main()"
SLOW = {"cyclopts", "rich", "msgspec", "typing", "re", "enum", "pathlib"}
"""What takes most of the time where it is loaded."""


def shown(width, **more):
    """The page as the library shows it."""
    out = io.StringIO()
    app.help_print([], console=Console(file=out, width=width, **more))
    return out.getvalue()


@pytest.mark.parametrize("width", [*range(front.NARROWEST, 132), 200])
def test_the_page_is_the_librarys(width):
    assert front.page(width) + "\n" == shown(width)


@pytest.mark.parametrize("colour", [True, False])
def test_colours_are_the_librarys(colour):
    for width in (80, 120):
        wanted = shown(width, color_system="standard", no_color=not colour)
        assert front.page(width, bold=True, colour=colour) + "\n" == wanted


def ran(*words, text="", **environment):
    """Run the program with an environment of its own."""
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    return subprocess.run(
        [sys.executable, "-c", text + PROGRAM, *words],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
        env={**kept, "PYTHONUTF8": "1", **environment},
    )


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("--version",)])
def test_nothing_slow_is_loaded_for_it(words):
    text = f"import atexit, sys; atexit.register(lambda: print({SLOW!r} & set(sys.modules))); "
    done = ran(*words, text=text)
    first, last = done.stdout.splitlines()[0], done.stdout.splitlines()[-1]
    assert first == (__version__ if words == ("--version",) else "Usage: backchannel COMMAND")
    assert last == "set()"
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("environment", "mark"),
    [
        ({"COLUMNS": "40"}, "Usage: backchannel COMMAND"),
        ({"COLUMNS": "100", "FORCE_COLOR": "1"}, "\x1b[1mUsage: \x1b[0m"),
        ({"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}, "+- Commands ---"),
        ({"PYTHONIOENCODING": "latin-1"}, "+- Commands ---"),
    ],
)
def test_unusual_terminals_get_the_librarys_own_page(environment, mark):
    done = ran("--help", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert mark in done.stdout


def test_on_a_terminal_it_is_as_wide_as_that():
    ours, theirs = pty.openpty()
    size = ["stty", "cols", "72"]
    subprocess.run(size, stdin=theirs, check=True)
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs,
                          env={**environment, "TERM": "xterm"}) as program:  # fmt: skip
        os.close(theirs)
        told = read_to_the_end(ours)
    assert program.returncode == 0
    os.close(ours)
    assert told == shown(72, color_system="standard", no_color=bool(os.environ.get("NO_COLOR")))


def read_to_the_end(terminal: int) -> str:
    """Return what was written on the other side of a pseudo-terminal; it comes in pieces."""
    pieces = []
    with contextlib.suppress(OSError):  # EIO: nobody has the other side open any more
        while piece := os.read(terminal, 65536):
            pieces.append(piece)
    return b"".join(pieces).decode().replace("\r\n", "\n")
