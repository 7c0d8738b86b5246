"""How far the reading of captures is, on a terminal."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack


def display(stack: ExitStack) -> Callable[[int, int], None] | None:
    """Return a progress display for a terminal; it appears after a second of work."""
    if not sys.stderr.isatty():
        return None
    began, bar = time.monotonic(), None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            if time.monotonic() - began < 1:
                return
            bar = stack.enter_context(_Bar())
        bar.show(done, total)

    return show


class _Bar:
    """A progress bar with the rate, on standard error, gone when the work is done."""

    def __enter__(self) -> "_Bar":
        from rich import console, progress  # noqa: PLC0415 - only on a terminal

        self._bar = progress.Progress(
            progress.TextColumn("reading"),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=console.Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task("reading", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total or None)
