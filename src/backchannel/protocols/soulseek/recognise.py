"""Whether a connection is Soulseek's: a sign-on or greeting that is read to its last byte, or the
answer to a call with messages behind it. Behind a port that was announced for it, masked ones too.
"""

from backchannel.model import MORE, Claim, Confidence, More
from backchannel.protocols import Peek
from backchannel.protocols.soulseek import opening
from backchannel.protocols.soulseek.context import Call
from backchannel.protocols.soulseek.masked import unmask
from backchannel.reader import WireError

_WORDS = {"server": "sign-on to the server", "P": "greeting of a user", "D": "greeting of a user",
          "F": "greeting of a user who sends a file"}  # fmt: skip


def recognise(peek: Peek) -> Claim | More | None:
    """Claim connections that open as Soulseek's do. Where the SYN was not captured a sign-on or a
    greeting tells, of whichever side; the answer to a call is too short.
    """
    if peek.transport != "tcp":
        return None
    if not peek.begun:
        return _greets(peek.client, flipped=False) or _greets(peek.server, flipped=True)
    if not peek.client:
        return None
    known = (peek.start.context, *peek.start.others)
    try:
        found = opening.read(peek.client)
    except WireError:
        return _masked(peek, known)
    if found is None:
        return MORE
    if found.kind != "?":
        return Claim("soulseek", evidence=_WORDS[found.kind], sure=True)
    calls = [each for each in known if isinstance(each, Call)]
    if any(each.token == found.token for each in calls):
        return Claim("soulseek", evidence="answer to a call that was announced")
    return _answer(peek, bool(calls))


def _greets(data: bytes, *, flipped: bool) -> Claim | More | None:
    try:
        found = opening.read(data) if data else None
    except WireError:
        return None
    if found is None:
        return MORE if data else None
    if found.kind == "?":
        return None
    return Claim("soulseek", evidence=_WORDS[found.kind], flipped=flipped, sure=True)


def _answer(peek: Peek, announced: bool) -> Claim | More | None:
    """Nobody told of the call: what follows has to be a message."""
    behind = [data for data in (peek.client[opening.PIERCE :], peek.server) if data]
    guesses = [opening.guess(data) for data in behind]
    if announced:
        return Claim("soulseek", Confidence.EXPECTED, "answer to a call, to who was announced")
    if None in guesses:
        return None
    if any(guess in ("P", "D") for guess in guesses):
        return Claim("soulseek", evidence="answer to a call, and messages")
    return MORE


def _masked(peek: Peek, known: tuple[object, ...]) -> Claim | More | None:
    """The key is in front of each message, so that whoever looks can read them."""
    if not any(isinstance(each, Call) and each.masked for each in known):
        return None
    try:
        found = opening.read(unmask(peek.client[:4], peek.client[4:]))
    except WireError:
        return None
    if found is None:
        return MORE
    evidence = "masked greeting, at a port that was announced for it"
    return Claim("soulseek", evidence=evidence, sure=True)
