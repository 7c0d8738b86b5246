"""What one OSCAR connection remembers between messages.

Bounds: every table holds at most a few hundred short entries and drops the oldest, so that a
session stays well under 1 MiB whatever its peer sends.
"""

import hashlib

from backchannel.effects import Tie
from backchannel.model import Capability
from backchannel.protocols import Output, Start
from backchannel.protocols.opener import opener
from backchannel.protocols.oscar.contexts import Ticket
from backchannel.protocols.oscar.wire import same

_SHA256 = hashlib.sha256()


def digest(cookie: bytes) -> str:
    """Return the session key that a login cookie stands for."""
    hashed = _SHA256.copy()  # which takes half as long as making a new one
    hashed.update(cookie)
    return hashed.hexdigest()[:32]


def is_number(account: str) -> bool:
    """Whether *account* is one of ICQ; AIM's names begin with a letter."""
    return account.isascii() and account.isdigit()


class State:
    """One connection: whose it is, and what answers refer to."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.service = "aim"
        self.account = ""
        self.guessed = False
        """The service is guessed from whom the account talks to."""
        contexts = start.context, *start.others
        self.tickets = {each.cookie: each for each in contexts if isinstance(each, Ticket)}
        """Those that the client may have come with, by cookie."""
        self.session = ""
        """Key of the session that this connection belongs to; empty until a cookie is seen."""
        self.challenge = b""
        self.waiting = False
        """A cookie was shown, and the service has not yet said whose it is."""
        self.gone = False
        self.away: bool = False
        self.idle: bool = False
        self.room = start.context.room if isinstance(start.context, Ticket) else ""
        self.groups: dict[int, str] = {}
        self.rooms: dict[bytes, str] = {}
        """Chat rooms' names by cookie."""
        self.wanted: dict[int, tuple[int, str]] = {}
        """Service requests by number: (family, room)."""
        self.about: dict[int, str] = {}
        """Whom a request concerned, by number."""
        self.meta: dict[int, str] = {}
        """Whose ICQ directory entry a request is for, by number."""
        self.offers: dict[bytes, tuple[str, Capability]] = {}
        """Who made a rendezvous proposal, and for what, by cookie."""
        self.presence: dict[str, tuple[str, str, int]] = {}
        self.addresses: dict[str, tuple[str, int]] = {}
        self.programs: dict[str, str] = {}
        self.sent: dict[bytes, None] = {}
        """Cookies of own chat messages, which the room reflects."""
        self.files = 0

    def learn(self, account: str) -> tuple[Output, ...]:
        """The bytes say whose connection this is; return what that ties."""
        if not account or account == self.account:
            return ()
        self.account = account
        if is_number(account):
            self.service = "icq"
        elif self.guessed:
            self.service = "aim"
        self.guessed = False
        return (Tie(key=self.session, account=account),) if self.session else ()

    def meet(self, other: str) -> None:
        """A message goes to or comes from *other*. Numbers talk to numbers, as a rule."""
        if not self.account and self.service == "aim" and is_number(other):
            self.service, self.guessed = "icq", True

    def is_self(self, name: str) -> bool:
        """Whether *name* is the account of this connection."""
        return bool(self.account) and same(name, self.account)

    def opener(self, account: str, address: str) -> str:
        """Return from where *address*, where *account* waits, will be connected to; empty for
        anybody's, as of what this client says of itself.
        """
        return "" if self.is_self(account) or not self.account else opener(self.start, address)

    def file_key(self) -> str:
        """Return a new name for a file within this flow."""
        self.files += 1
        return str(self.files)
