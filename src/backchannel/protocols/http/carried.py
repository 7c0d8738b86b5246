"""What decoders share that read a conversation in HTTP: bytes go in, messages come to `_tell`."""

from backchannel.contract import Output, Start
from backchannel.events import Gap
from backchannel.model import Side, Standing
from backchannel.protocols.http.wire import Conversation, Told


class Carried:
    """Both sides of one HTTP connection that carries something else. A subclass says what it
    means, and may do more about a gap or an end.
    """

    def __init__(self, start: Start) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._talk = Conversation(begun=start.begun)

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        return self._tell(self._talk.feed(side, data))

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        return [Gap(size=size), *self._tell(self._talk.gap(side, size))]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more. The session may go on over other connections."""
        return self._tell(self._talk.end(side))

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun the head of a message and not ended it."""
        return self._talk.within_head(side)

    def _tell(self, told: Told) -> list[Output]:
        """Return what parts of the conversation mean."""
        raise NotImplementedError
