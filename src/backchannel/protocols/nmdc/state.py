"""What is remembered of one connection; all of it is bounded."""

from backchannel.protocols import Start, dc_connection
from backchannel.protocols.dc_connection import MEMBERS


class State(dc_connection.State):
    """One connection, to a hub or between clients."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.password = False
        self.members: set[str] = set()
        self.length = -1
        """What $FileLength told."""

    def new(self, member: str) -> bool:
        """Whether a user was not told of, and there is room for one more."""
        if member in self.members or len(self.members) >= MEMBERS:
            return False
        self.members.add(member)
        return True
