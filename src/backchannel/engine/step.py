"""What is kept of a stream until it is proved what it speaks, to show it to the next decoder."""


class Step:
    """What a *side* sent before it was proved what the stream speaks: bytes, or how many were never
    seen; with their time (ns) and frame. `step` makes it.
    """

    __slots__ = ("data", "frame", "side", "time")
    side: int
    data: bytes | bytearray | int
    time: int
    frame: int


def step(side: int, data: bytes | bytearray | int, time: int, frame: int) -> Step:
    """Return a step, without the call that `__init__` would be."""
    made = Step.__new__(Step)
    made.side, made.data, made.time, made.frame = side, data, time, frame
    return made
