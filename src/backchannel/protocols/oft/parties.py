"""Who sends to whom on a connection between two clients: from its announcement, or the proxy."""

from backchannel.model import Capability, Side
from backchannel.protocols import Start
from backchannel.protocols.oft.proxy import Guest
from backchannel.protocols.oft.wire import LISTING, REQUEST_FILE, REQUEST_FOLDER, Header
from backchannel.protocols.oscar.contexts import Meeting

_SHARING = frozenset({LISTING, REQUEST_FILE, REQUEST_FOLDER})


class Parties:
    """The two accounts, and what they met for."""

    def __init__(self, start: Start) -> None:
        meeting = start.context if isinstance(start.context, Meeting) else None
        self._meeting = meeting
        self.use = meeting.use if meeting else Capability.FILE_TRANSFER
        self.cookie = bytes.fromhex(meeting.cookie) if meeting else b""
        self.sender = meeting.sender if meeting else ""
        self.recipient = meeting.recipient if meeting else ""
        self._guest = ""

    @property
    def service(self) -> str:
        """Return `icq` where an account is a number; else `aim`."""
        account = self.sender or self.recipient or self._guest
        return "icq" if account.isascii() and account.isdigit() else "aim"

    def guest(self, guest: Guest) -> None:
        """The client of this flow told the proxy its name."""
        self._guest = guest.account
        self._check(guest.cookie)

    def saw(self, header: Header) -> None:
        """A header may show the cookie, and that folders are shared here."""
        self._check(header.cookie)
        if header.type in _SHARING:
            self.use = Capability.FILE_SHARING

    def _check(self, cookie: bytes) -> None:
        """Another cookie than announced: the announcement was for another connection."""
        if not any(cookie) or cookie == self.cookie:
            return
        if self._meeting is not None:
            self._meeting = None
            self.sender = self.recipient = ""
        self.cookie = cookie

    def sends(self, side: Side) -> None:
        """*side* sends the files; with a proxy only the client of the flow has a name."""
        if self._meeting is None and self._guest:
            ours = side is Side.CLIENT
            self.sender = self._guest if ours else ""
            self.recipient = "" if ours else self._guest
