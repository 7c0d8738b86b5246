"""A protocol as the engine knows it: one for each, shared by all streams, and read all the time."""

from collections.abc import Callable

from backchannel.contract import Peek, Protocol, Session, Start
from backchannel.model import Claim, More


class Known:
    """What `Protocol` says, as plain fields; its code is loaded when it is first asked for."""

    __slots__ = (
        "_protocol",
        "_recognise",
        "_session",
        "alone",
        "bit",
        "context",
        "name",
        "sealed",
        "service",
    )

    def __init__(self, protocol: Protocol, number: int = 0) -> None:
        """*number* is the one by which the core knows it."""
        self.name, self.service = protocol.name, protocol.service
        self.context, self.sealed = protocol.context, protocol.sealed
        self.alone = protocol.alone
        self.bit = 1 << number
        """Stands for it in sets of protocols, which are numbers."""
        self._protocol = protocol
        self._recognise: Callable[[Peek], Claim | More | None] | None = None
        self._session: Callable[[Start], Session] | None = None

    def recognise(self, peek: Peek) -> Claim | More | None:
        """Say whether these bytes are its own."""
        if self._recognise is None:
            self._recognise = self._protocol.recognise
        return self._recognise(peek)

    def begin(self, start: Start) -> Session:
        """Return a session of it."""
        if self._session is None:
            self._session = self._protocol.session
        return self._session(start)
