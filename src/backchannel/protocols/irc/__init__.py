"""IRC: lines of text between clients and the servers of a network, on any port."""

from backchannel.protocols import Magic, Protocol

_CAPITAL = 0xDF
"""Mask under which letters of both cases are one."""
_LETTERS = b"\xff\xc0\xc0\xc0"
"""A character, then three of the 64 with the letters: names of servers and people begin so."""
_WORDS = (
    # what clients begin with, and servers that join others
    *("CAP LS", "CAP REQ", "NICK ", "USER ", "PASS ", "WEBIRC "),
    *("SERVER ", "PROTOCTL ", "CAPAB "),
    # what they say later
    *("PRIVMSG ", "NOTICE ", "JOIN #", "JOIN &", "JOIN :", "PART #", "MODE ", "AWAY "),
    *("WHO ", "WHOIS ", "ISON ", "USERHOST ", "AUTHENTICATE ", "OPER "),
    # what servers say without a prefix
    *("PING ", "PONG ", "ERROR :"),
)


def _word(text: str, *, first: bool = False) -> Magic:
    letters = (_CAPITAL if char.isalpha() else 0xFF for char in text)
    return Magic("tcp", text.encode(), bytes(letters), first=first)


PROTOCOL = Protocol(
    name="irc",
    title="IRC",
    service="irc",
    magic=(
        Magic("tcp", b":@@@", _LETTERS),
        Magic("tcp", b"@@@@", _LETTERS),
        *(_word(word) for word in _WORDS),
        _word("STARTTLS\r\n", first=True),  # later on it is anybody's, such as mail's
    ),
)
