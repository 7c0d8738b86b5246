"""Faults of our own: a decoder that raises must not end the run, nor go unseen."""

import sys
from collections.abc import Callable

FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What only a fault of ours raises, where files are written as well: those may rightly fail."""


class Faults:
    """Counts faults, and shows the first one's trace."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count, self._shown = count, False

    def note(self, whose: str, where: str) -> None:
        """Take the exception that is being handled, in the part *where* of the stack *whose*."""
        self._count(f"faults in a {where}: {whose}")
        if not self._shown:
            self._shown = True
            print(f"backchannel: fault in the {where} of {whose}, please report", file=sys.stderr)
            sys.__excepthook__(*sys.exc_info())
