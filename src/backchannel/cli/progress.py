"""How far long work is, on a terminal."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Literal

Progress = Callable[[int, int], None]
"""Is told how much of how much is done; 0 for a whole of bytes that nobody knows."""
Unit = Literal["bytes", "ports", "packages", "plays"]
_VERBS: dict[Unit, str] = {
    "bytes": "reading",
    "ports": "asking",
    "packages": "learning",
    "plays": "proving",
}


def display(stack: ExitStack, unit: Unit = "bytes") -> Progress | None:
    """Return a progress display for a terminal; it appears after a second of work."""
    if not sys.stderr.isatty():
        return None
    began, bar = time.monotonic(), None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            if time.monotonic() - began < 1:
                return
            bar = stack.enter_context(_Bar(unit, total))
        bar.show(done, total)

    return show


class _Bar:
    """A progress bar on standard error, gone when the work is done."""

    def __init__(self, unit: Unit, total: int) -> None:
        self._unit, self._total = unit, total or None

    def __enter__(self) -> "_Bar":
        from rich import console, progress  # noqa: PLC0415 - only on a terminal

        counted = (
            (
                progress.DownloadColumn(),
                progress.TransferSpeedColumn(),
                progress.TimeRemainingColumn(),
            )
            if self._unit == "bytes"
            else (
                progress.TextColumn(f"{{task.completed:,.0f}} of {{task.total:,.0f}} {self._unit}"),
                progress.TimeElapsedColumn(),
            )
        )
        verb = _VERBS[self._unit]
        self._bar = progress.Progress(
            progress.TextColumn(verb),
            progress.BarColumn(),
            *counted,
            console=console.Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(verb, total=self._total)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total or None)
