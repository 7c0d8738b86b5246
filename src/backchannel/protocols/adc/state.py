"""What is remembered of one connection; all of it is bounded."""

from typing import NamedTuple

from backchannel.model import Side
from backchannel.protocols import Start
from backchannel.protocols.dc_files import Asked, Known

MEMBERS = 1024
"""Users of a hub that are remembered, and places that are told."""


class Member(NamedTuple):
    """A user of the hub, as far as told."""

    nick: str
    address: str
    cid: str
    """The long id, by which clients know each other."""


class State:
    """One connection, to a hub or between clients."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.peer = False
        self.sid = ""
        """Our own short id."""
        self.nick = ""
        self.hub = ""
        self.welcomed = False
        self.salt = ""
        self.members: dict[str, Member] = {}
        self.places: set[tuple[str, str, int]] = set()
        self.known: dict[str, Known] = {}
        self.asked: dict[Side, Asked] = {}
        self.ids: dict[Side, str] = dict.fromkeys(Side, "")
        """Of two clients: who they are, by nick where the hub's connection told it."""
        self.nicks: dict[str, str] = dict(start.context) if start.context else {}

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

    def name(self, side: Side) -> str:
        """Return who a client is: an account that was announced, else by address."""
        end = self.start.server if side else self.start.client
        return self.ids[side] or str(end)

    def place(self, account: str, address: str, port: int) -> bool:
        """Whether a place was not told, and there is room for one more."""
        found = account, address, port
        if found in self.places or len(self.places) >= MEMBERS:
            return False
        self.places.add(found)
        return True
