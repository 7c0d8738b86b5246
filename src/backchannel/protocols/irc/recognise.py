"""Whether a flow's first lines are IRC: what clients ask and servers say, in IRC's own form.

One telling line claims a flow, if none before it is foreign: a person's full name and address
before a message, a numeric with a prefix, USER with its four words. Words that other protocols
have too (NICK, PASS, PING, QUIT) only let it wait for the other side.
"""

import re
from typing import Literal

from backchannel.model import MORE, Claim, More
from backchannel.patterns import later
from backchannel.protocols import Peek
from backchannel.protocols.irc.wire import LONGEST

ENOUGH = 8
"""Lines of one side without a telling one, after which none is waited for."""
Verdict = Literal["client", "server", "link", "", "foreign"]

_PERSONS = b"PRIVMSG NOTICE JOIN PART QUIT KICK NICK MODE TOPIC INVITE AWAY ACCOUNT CHGHOST SETNAME"
_NUMERIC = b"000"
_USER = "USER with its four parameters"
_TELLING: tuple[tuple[Verdict, str, tuple[bytes, ...], re.Pattern[bytes]], ...] = (
    (
        "server",
        "message of a person by nick!user@host",
        (*_PERSONS.split(), b"TAGMSG"),
        later(
            rb":[^ !\r\n]{1,64}![^ @\r\n]{1,64}@[^ \r\n]{1,128} (?:PRIVMSG|NOTICE|JOIN|PART|QUIT|"
            rb"KICK|NICK|MODE|TOPIC|INVITE|AWAY|ACCOUNT|CHGHOST|SETNAME|TAGMSG)(?: |$)"
        ),
    ),
    (
        "server",
        "numeric reply of a server",
        (_NUMERIC,),
        later(rb":[A-Za-z0-9][^ !@\r\n]{0,127} \d{3} +[^ \r\n]{1,64}(?: |$)"),
    ),
    (
        "server",
        "message of a server",
        (b"NOTICE", b"CAP", b"PING", b"PONG", b"MODE"),
        later(
            rb":[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8} "
            rb"(?:NOTICE [^ \r\n]{1,64} |CAP [^ \r\n]{1,64} (?:LS|ACK|NAK|LIST|NEW|DEL) |"
            rb"PING |PONG |MODE [#&!+][^ \r\n]{1,64} )"
        ),
    ),
    ("server", "notice to who connects", (b"NOTICE",), later(rb"NOTICE (?:\*|AUTH) :")),
    ("server", "closing link", (b"ERROR",), later(rb"ERROR :Closing Link\b")),
    (
        "client",
        _USER,
        (b"USER",),
        later(
            rb"USER [^ :\r\n]{1,64} +[^ :\r\n]{1,128} +[^ :\r\n]{1,128} +[^ \r\n]", re.IGNORECASE
        ),
    ),
    (
        "client",
        "CAP negotiation",
        (b"CAP",),
        later(rb"CAP (?:LS(?: 30\d)?$|REQ :?[a-z])", re.IGNORECASE),
    ),
    (
        "client",
        "PRIVMSG",
        (b"PRIVMSG", b"NOTICE"),
        later(rb"(?:PRIVMSG|NOTICE) [^ :\r\n]{1,200} :", re.IGNORECASE),
    ),
    (
        "client",
        "JOIN of a channel",
        (b"JOIN",),
        later(rb"JOIN :?[#&][^ ,\r\n]{1,64}(?:,[#&]| [^ ]+$|$)", re.IGNORECASE),
    ),
    (
        "client",
        "gateway's WEBIRC",
        (b"WEBIRC",),
        later(rb"WEBIRC [^ \r\n]{1,128} [^ \r\n]{1,64} [^ \r\n]{1,128} :?[0-9a-fA-F.:]{3,45}"),
    ),
    (
        "link",
        "server that joins a network",
        (b"SERVER",),
        later(
            rb"(?::[^ \r\n]{1,64} )?SERVER [^ .\r\n]{1,63}+\.[^ \r\n]{1,200}+"
            rb"(?: [^ :\r\n][^ \r\n]{0,255}+){0,4}? \d{1,2}(?: [^ :\r\n][^ \r\n]{0,255}+){0,12} :"
        ),
    ),
    (
        "link",
        "capabilities of a server",
        (b"CAPAB", b"PROTOCTL"),
        later(rb"CAPAB START \d{4}$|PROTOCTL [A-Z][A-Z0-9=]+ "),
    ),
)
"""What a line shows, which commands can show it, and how: only for these a pattern is compiled."""
_BY_COMMAND = {
    each: tuple(row for row in _TELLING if each in row[2])
    for _, _, commands, _ in _TELLING
    for each in commands
}
_OPENING = frozenset(
    b"PASS NICK USER CAP STARTTLS WEBIRC SERVER PROTOCTL CAPAB JOIN PING PONG QUIT MODE "
    b"AUTHENTICATE NOTICE ERROR PRIVMSG WHO ISON USERHOST OPER AWAY".split()
)
"""How a side begins where its beginning was seen: texts with lines of IRC in them do not."""
_LONGEST_SOURCE, _LONGEST_COMMAND = 512, 32
_TAGS = later(rb"@[!-~]{1,8191} ")


def recognise(peek: Peek) -> Claim | More | None:
    """Claim the first telling line of either side."""
    if peek.transport != "tcp":
        return None
    client, mine, some = _look(peek.client, peek.begun)
    server, theirs, more = _look(peek.server, peek.begun)
    if "foreign" in (client, server):
        return None
    if client or server:
        flipped = client == "server" or server == "client"
        # nothing else is asked like this, whoever answers
        sure = peek.begun and client == "client" and mine == _USER
        return Claim("irc", evidence=mine or theirs, flipped=flipped, sure=sure)
    if max(some, more) >= ENOUGH or (some and more > 1):
        return None
    return MORE


def _look(data: bytes, begun: bool) -> tuple[Verdict, str, int]:
    """Return what the lines of a side say, the evidence, and how many there are."""
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    unfinished = lines.pop()
    for count, raw in enumerate(lines):
        if _is_no_text(raw):
            return "foreign", "", count + 1
        tags = _TAGS.match(raw) if raw.startswith(b"@") else None
        line = raw[tags.end() :] if tags else raw
        source, command = _parts(line)
        name = command.upper()
        if begun and not count and not (len(source) > 1 if source else name in _OPENING):
            return "foreign", "", 0
        numeric = len(command) == len(_NUMERIC) and command.isdigit()
        name = _NUMERIC if numeric else name
        for verdict, evidence, _, pattern in _BY_COMMAND.get(name, ()):
            if pattern.match(line):
                return verdict, evidence, count + 1
        fits = numeric or (command.isalpha() and len(command) <= _LONGEST_COMMAND)
        fits = fits and len(source) <= _LONGEST_SOURCE + 1 and source != b":"
        if line and (begun or count) and not fits:  # else it may be a rest
            return "foreign", "", count + 1
    return ("foreign" if _is_no_text(unfinished) else ""), "", len(lines)


def _is_no_text(line: bytes) -> bool:
    return len(line) >= LONGEST or b"\0" in line


def _parts(line: bytes) -> tuple[bytes, bytes]:
    """Return the source of a line with its colon, and its command; a source that is no word leaves
    the command empty.
    """
    source = b""
    if line[:1] == b":":
        source, space, line = line.partition(b" ")
        if not space:
            return b":", b""
        line = line.lstrip(b" ")
    return source, line.partition(b" ")[0]
