"""Passwords that people send to services: NickServ and its kin, as commands or as messages."""

from collections.abc import Iterator

from backchannel.events import Credential
from backchannel.protocols import Output
from backchannel.protocols.irc.state import NAME, SECRET, State

SERVICES = frozenset(
    ("nickserv", "chanserv", "operserv", "authserv", "userserv", "memoserv", "botserv")
)
"""Names, in small letters, before any @: Anope, Atheme, X3."""
_ADDRESSED = frozenset(("q", "x", "l", "nick", "auth"))
"""Q and L of QuakeNet, X of Undernet and others: people are called so too, and these services take
passwords only as `name@host`."""
ALIASES = {
    "NS": "nickserv",
    "NICKSERV": "nickserv",
    "CS": "chanserv",
    "CHANSERV": "chanserv",
    "OS": "operserv",
    "OPERSERV": "operserv",
    "AUTHSERV": "authserv",
    "AS": "authserv",
}
"""Commands by which servers pass something on to a service."""
IDENTIFY = "IDENTIFY"
_ACCOUNT_FIRST = frozenset(
    {"AUTH", "LOGIN", "GHOST", "RECOVER", "RELEASE", "REGAIN", "GROUP", "LINK"}
)
_PASSWORD_ALONE = frozenset({IDENTIFY, "ID", "SIDENTIFY"})


def credential(state: State, service: str, text: str) -> Iterator[Output]:
    """Yield the password in what is said to a service; nothing where there is none."""
    service, at, _ = service.lower().partition("@")
    known = service in SERVICES or (at and service in _ADDRESSED)
    words = text.split()
    if not known or not 2 <= len(words) <= 6:
        return
    command, values = words[0].upper(), words[1:]
    account, secret = _read(state, command, values)
    if secret:
        yield Credential(
            account=account[:NAME],
            kind="plain",
            scheme=f"irc-{service}",
            secret=secret[:SECRET],
        )


def _read(state: State, command: str, values: list[str]) -> tuple[str, str]:
    """Return account and password."""
    if command in _PASSWORD_ALONE:
        return (values[0], values[1]) if len(values) > 1 else (state.nick, values[0])
    if command in _ACCOUNT_FIRST and len(values) > 1:
        return values[0], values[1]
    if command == "REGISTER":
        # of a channel: its name first, and perhaps a password; of a name: password, address
        if values[0][:1] == "#":
            return (values[0], values[1]) if len(values) > 1 else ("", "")
        return state.nick, values[0]
    if command == "SET" and values[0].upper() in ("PASSWORD", "PASS") and len(values) > 1:
        return state.nick, values[-1]
    return "", ""
