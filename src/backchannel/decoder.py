"""What compiled sessions may have in common, so that the engine reaches them with every payload and
looks nothing up by name.
"""

from backchannel.contract import Output
from backchannel.model import Side, Standing


class Decoder:
    """The part of a `Session` that is asked with every payload. A compiled session that derives
    from it is fed faster; one that does not, compiled or not, means the same.
    """

    service: str
    standing: Standing
    done: bool

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """See `Session`."""
        raise NotImplementedError
