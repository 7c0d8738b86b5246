"""The bits of a connection's mark that hold our verdict, so that the kernel can act on it alone.

Four bits, by default 26 to 29: two for the verdict, one for `closed`, and one that only packets
have, for those that hold nothing to look at. All other bits are left as they are. See
`docs/decisions` for why marks and not sets.
"""

import msgspec

from backchannel.errors import UsageError


class Marks(msgspec.Struct, frozen=True):
    """Where our bits are. A connection with none of the verdict's bits is undecided."""

    shift: int = 26

    def __post_init__(self) -> None:
        if not 0 <= self.shift <= 28:
            raise UsageError("the mark's four bits begin at bit 0 to 28")

    @property
    def mask(self) -> int:
        """The bits of the verdict."""
        return 3 << self.shift

    @property
    def passes(self) -> int:
        """The kernel passes it without asking us."""
        return 1 << self.shift

    @property
    def drops(self) -> int:
        """The kernel drops it silently."""
        return 2 << self.shift

    @property
    def resets(self) -> int:
        """The kernel answers it with TCP resets or ICMP."""
        return 3 << self.shift

    @property
    def closed(self) -> int:
        """What to do with it while the guard is not there: drop it, not pass it."""
        return 4 << self.shift

    @property
    def empty(self) -> int:
        """The packet holds no data and opens or ends nothing: it need not come to us."""
        return 8 << self.shift
