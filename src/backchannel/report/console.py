"""Prints for people: colours on a terminal, plain text in a pipe."""

import sys

from rich.console import Console, RenderableType


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `cli.main`: rich would end the program as if it had failed."""
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """Return a console that is plain and wide where its output is not a terminal."""
    made = _Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else _Console(stderr=stderr, highlight=False, width=160)


def show(what: RenderableType) -> None:
    """Print on standard output; in a pipe without the blanks that fill a line of a terminal."""
    out = console()
    if out.is_terminal:
        out.print(what)
        return
    with out.capture() as shown:
        out.print(what)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in shown.get().splitlines()))
