"""What decoders share of a connection that tells much: who is at its ends, and what was told."""

from backchannel.contract import Start
from backchannel.model import Side

REMEMBERED = 1024


class Ends:
    """Both ends of a connection. Holds REMEMBERED things that were told."""

    def __init__(self, start: Start) -> None:
        self.ends = {Side.CLIENT: start.client, Side.SERVER: start.server}
        self.users = dict.fromkeys(Side, "")
        """Who is at each side, as its protocol names people."""
        self._told: set[tuple[object, ...]] = set()

    def account(self, side: Side) -> str:
        """Return who is at *side*: a name, or else the address."""
        return self.users[side] or str(self.ends[side])

    def is_new(self, *what: object) -> bool:
        """Whether *what* was not told yet; the memory starts afresh when it is full."""
        if what in self._told:
            return False
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told.add(what)
        return True
