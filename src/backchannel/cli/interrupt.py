"""Ctrl-C, put off while a module is imported, and while msgspec asks Python's code about a type.

Not every compiled module looks at what went wrong in Python's code that it calls. An interruption
while msgspec 0.23 imports `datetime` ends the process with a fault of memory later on, and one
while it asks `typing` for an attribute is lost.
"""

import _thread
import signal
import time
from types import FrameType

BUSY = frozenset({"_frozen_importlib", "importlib._bootstrap", "typing", "msgspec._utils"})
"""Modules in which, and in what they call, no interruption is borne. The first has two names."""
SOON = 0.01
"""Seconds after which an interruption that was put off comes again."""


def prepare() -> None:
    """Let Ctrl-C end the program where it can be borne. Where it is ignored it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _come)


def _come(_: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_globals.get("__name__") in BUSY:
            _thread.start_new_thread(_again, ())  # `threading` may be what is imported just now
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _again() -> None:
    time.sleep(SOON)
    _thread.interrupt_main()
