"""Where the two sides of a TCP flow stand, as the packet core knows it. Compiled."""

from backchannel.flows.core import FlowCore

def position(core: FlowCore, slot: int, side: int) -> tuple[int, int] | None:
    """Return two sequence numbers of *side*: after its last byte that is known without a hole, and
    after the furthest byte seen; None while neither is known. Raises KeyError for an empty slot.
    """
