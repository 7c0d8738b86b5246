"""Conversations of IRC made by hand, and short ways to decode them."""

from tests import kit

from backchannel.model import Endpoint, Side
from backchannel.protocols import Start
from backchannel.protocols.irc.session import Session

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.10", 40_000), Endpoint("198.51.100.6", 6667))
MIDWAY = Start("tcp", START.client, START.server, begun=False)


def lines(*texts: str) -> bytes:
    """Lines as they go over the wire."""
    return "".join(f"{text}\r\n" for text in texts).encode()


HELLO = (C, lines("NICK ann", "USER ann 0 * :Ann Example"))
WELCOME = (
    S,
    lines(
        ":irc.example NOTICE * :*** Looking up your hostname",
        ":irc.example 001 ann :Welcome to the Example Network ann!ann@192.0.2.10",
        ":irc.example 004 ann irc.example ngircd-26.1 abBcCFiIoqrRswx abehiIklmMnoOPqQrRstvVz",
        ":irc.example 005 ann NETWORK=Example CHANTYPES=#& :are supported on this server",
        ":irc.example 251 ann :There are 3 users on 1 servers",
    ),
)
JOINED = (S, lines(":ann!ann@192.0.2.10 JOIN #lab", ":bob!b@203.0.113.8 JOIN :#lab"))
TALK = [
    HELLO,
    WELCOME,
    (C, lines("JOIN #lab")),
    JOINED,
    (C, lines("PRIVMSG #lab :good morning")),
    (S, lines(":bob!b@203.0.113.8 PRIVMSG #lab :good morning to you")),
    (C, lines("PRIVMSG bob :only for you")),
    (C, lines("QUIT :bye")),
    (S, lines("ERROR :Closing Link: ann (bye)")),
]


def said(*steps, start: Start = START):
    """What a session tells of whole texts, behind a welcome unless it begins midway."""
    opening = [HELLO, WELCOME] if start.begun else []
    session = Session(start)
    kit.decode(session, opening, ends=False)
    return kit.decode(session, [(side, lines(text)) for side, text in steps])


def heard(text: str):
    """The events of one line of the server to a welcome client."""
    return kit.events(said((S, text)))


def spoken(text: str):
    """The events of one line of a welcome client."""
    return kit.events(said((C, text)))
