"""What is remembered of one connection; all of it is bounded."""

from typing import NamedTuple

from backchannel.protocols import Start, dc_connection
from backchannel.protocols.dc_connection import MEMBERS


class Member(NamedTuple):
    """A user of the hub, as far as told."""

    nick: str
    address: str
    cid: str
    """The long id, by which clients know each other."""


class State(dc_connection.State):
    """One connection, to a hub or between clients."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.sid = ""
        """Our own short id."""
        self.salt = ""
        self.members: dict[str, Member] = {}
        self.nicks: dict[str, str] = dict(start.context) if start.context else {}
        """Of two clients, by long id, where the hub's connection told them."""

    def who(self, sid: str) -> str:
        """Return the nick behind a short id, or that where it is not known."""
        if sid == self.sid and self.nick:
            return self.nick
        member = self.members.get(sid)
        return member.nick if member and member.nick else sid

    def address(self, sid: str) -> str:
        """Return the address that a user told; empty where none."""
        member = self.members.get(sid)
        return member.address if member else ""

    def learn(self, sid: str, nick: str, address: str, cid: str) -> bool:
        """Remember what a user tells; say whether the user is new."""
        known = self.members.get(sid)
        if known is None and len(self.members) >= MEMBERS:
            return False
        old = known or Member("", "", "")
        self.members[sid] = Member(nick or old.nick, address or old.address, cid or old.cid)
        return known is None

    def names(self, *sids: str) -> tuple[tuple[str, str], ...]:
        """Return (long id, nick) of users."""
        found = (self.members.get(sid) for sid in sids)
        return tuple((each.cid, each.nick) for each in found if each and each.cid and each.nick)
