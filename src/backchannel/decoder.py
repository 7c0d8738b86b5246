"""What compiled sessions have in common: with every payload the engine reaches them without looking
anything up by name.
"""

from backchannel.contract import Output
from backchannel.model import Side, Standing


class Decoder:
    """The part of a `Session` that is asked with every payload. A session that is compiled derives
    from it; any other need not.
    """

    standing: Standing
    done: bool

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """See `Session`."""
        raise NotImplementedError
