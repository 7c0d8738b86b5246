"""What is remembered of one connection; all of it is bounded."""

from backchannel.model import Side
from backchannel.protocols import Start
from backchannel.protocols.dc_files import Asked, Known

MEMBERS = 1024
"""Users of a hub that are told of, and places that are told."""


class State:
    """One connection, to a hub or between clients."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.peer = False
        """Whether two clients talk; else a client and a hub."""
        self.nick = ""
        """Our own, at a hub."""
        self.hub = ""
        self.welcomed = False
        self.password = False
        self.nicks = dict.fromkeys(Side, "")
        """Of two clients."""
        self.members: set[str] = set()
        self.places: set[tuple[str, str, int]] = set()
        self.known: dict[str, Known] = {}
        """Files by their hash, as a list of this connection has them."""
        self.asked: dict[Side, Asked] = {}
        """What each side asked for last."""
        self.length = -1
        """What $FileLength told."""

    def name(self, side: Side) -> str:
        """Return who a client is: by nick, else by address."""
        end = self.start.server if side else self.start.client
        return self.nicks[side] or str(end)

    def new(self, member: str) -> bool:
        """Whether a user was not told of, and there is room for one more."""
        if member in self.members or len(self.members) >= MEMBERS:
            return False
        self.members.add(member)
        return True

    def place(self, account: str, address: str, port: int) -> bool:
        """Whether a place was not told, and there is room for one more."""
        found = account, address, port
        if found in self.places or len(self.places) >= MEMBERS:
            return False
        self.places.add(found)
        return True
