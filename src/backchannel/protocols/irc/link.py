"""Servers of a network that join each other: who they are, and the passwords of the link.

Only the greeting is read. What follows is everybody's traffic in the dialect of one program (TS6,
P10, UnrealIRCd's or InspIRCd's), and is left alone.
"""

from collections.abc import Iterator

from backchannel.events import Credential, SignOn, SignOnAnswer
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.irc.state import NAME, SECRET
from backchannel.protocols.irc.wire import Line

LINES = 64
"""Lines in which both sides have introduced themselves."""


class Link:
    """The greeting of two servers."""

    def __init__(self) -> None:
        self._passwords: dict[Side, str] = {}
        self._names: dict[Side, str] = {}
        self._lines = 0

    @property
    def over(self) -> bool:
        """Whether nothing more is to be learnt."""
        return len(self._names) == len(Side) or self._lines > LINES

    def password(self, side: Side, line: Line) -> None:
        """PASS secret and what the program adds."""
        self._passwords[side] = line.word(0)[:SECRET]

    def take(self, side: Side, line: Line) -> Iterator[Output]:
        """One line of the greeting. InspIRCd has the password in SERVER, before a number."""
        self._lines += 1
        if line.command == "ERROR" and Side.CLIENT in self._names:
            account = self._names[Side.CLIENT]
            yield SignOnAnswer(account=account, accepted=False, reason=line.last[:256])
        if line.command != "SERVER" or side in self._names:
            return
        name = self._names[side] = line.word(0)[:NAME]
        if side is Side.CLIENT:
            yield SignOn(account=name, method="server-link")
        elif Side.CLIENT in self._names:
            yield SignOnAnswer(account=self._names[Side.CLIENT], accepted=True, reason=name)
        secret = self._passwords.pop(side, "")
        if not secret and len(line.words) > 3 and not line.word(1).isdigit():
            secret = line.word(1)[:SECRET]
        if secret:
            yield Credential(account=name, kind="plain", scheme="irc-link", secret=secret)
