"""The first page and the version, without the library that reads command lines: at once.

That library takes five times as long to load as this page to show. The page is to the letter the
one that it shows (a test compares them); on a terminal that is unusual in any way it shows it.
"""

import os
import sys

from backchannel import __version__
from backchannel.cli.commands import ABOUT, COMMANDS

NARROWEST = 60
"""Columns from which on no name is broken."""
UNUSUAL = "FORCE_COLOR", "TTY_COMPATIBLE"
"""What changes the page, if it is in the environment."""
OPTIONS = (
    ("--help (-h)", "Display this message and exit."),
    ("--install-completion", "Install shell completion for this application."),
    ("--version", "Display application version."),
)
BOLD, NAME, END = "\x1b[1m", "\x1b[36m", "\x1b[0m"


def answers(words: list[str]) -> bool:
    """Answer a command line that asks for the version or the first page; say whether it did."""
    if words == ["--version"]:
        print(__version__)
        return True
    if words not in ([], ["--help"], ["-h"]):
        return False
    width, terminal = columns(), sys.stdout.isatty()
    unusual = any(name in os.environ for name in UNUSUAL) or width < NARROWEST
    dumb = terminal and os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    if unusual or dumb or sys.stdout.encoding.lower() != "utf-8":
        return False
    print(page(width, bold=terminal, colour=terminal and not os.environ.get("NO_COLOR")))
    return True


def columns() -> int:
    """Return how wide the terminal is, or 80 where there is none."""
    told = os.environ.get("COLUMNS", "")
    if told.isdigit():
        return int(told)
    for handle in (0, 1, 2):
        try:
            return os.get_terminal_size(handle).columns
        except OSError:
            continue
    return 80


def page(width: int, *, bold: bool = False, colour: bool = False) -> str:
    """Return the first page for a terminal of *width* columns."""
    strong = (lambda text: f"{BOLD}{text}{END}") if bold else str
    rows = [(name, about.partition("\n")[0]) for name, _, about in COMMANDS]
    rows += OPTIONS
    names = max(len(name) for name, _ in rows)
    lines = [
        strong("Usage: ") + strong("backchannel COMMAND"),
        "",
        ABOUT,
        "",
        f"╭─ Commands {'─' * (width - 13)}╮",
    ]
    for name, about in rows:
        for number, text in enumerate(wrapped(about, width - names - 6)):
            parts = ("" if number else f"{name:{names}}"), " " * (2 if not number else names + 2)
            painted = "".join(f"{NAME}{part}{END}" if colour else part for part in parts if part)
            lines.append(f"│ {painted}{text:{width - names - 6}} │")
    return "\n".join([*lines, f"╰{'─' * (width - 2)}╯"])


def wrapped(text: str, width: int) -> list[str]:
    """Break *text* between words into lines of *width* characters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return lines
