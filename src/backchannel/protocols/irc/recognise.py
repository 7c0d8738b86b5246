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

_TELLING: tuple[tuple[Verdict, str, re.Pattern[bytes]], ...] = (
    (
        "server",
        "message of a person by nick!user@host",
        later(
            rb":[^ !\r\n]{1,64}![^ @\r\n]{1,64}@[^ \r\n]{1,128} (?:PRIVMSG|NOTICE|JOIN|PART|QUIT|"
            rb"KICK|NICK|MODE|TOPIC|INVITE|AWAY|ACCOUNT|CHGHOST|SETNAME|TAGMSG)(?: |$)"
        ),
    ),
    (
        "server",
        "numeric reply of a server",
        later(rb":[A-Za-z0-9][^ !@\r\n]{0,127} \d{3} +[^ \r\n]{1,64}(?: |$)"),
    ),
    (
        "server",
        "message of a server",
        later(
            rb":[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8} "
            rb"(?:NOTICE [^ \r\n]{1,64} |CAP [^ \r\n]{1,64} (?:LS|ACK|NAK|LIST|NEW|DEL) |"
            rb"PING |PONG |MODE [#&!+][^ \r\n]{1,64} )"
        ),
    ),
    ("server", "notice to who connects", later(rb"NOTICE (?:\*|AUTH) :")),
    ("server", "closing link", later(rb"ERROR :Closing Link\b")),
    (
        "client",
        "USER with its four parameters",
        later(
            rb"USER [^ :\r\n]{1,64} +[^ :\r\n]{1,128} +[^ :\r\n]{1,128} +[^ \r\n]", re.IGNORECASE
        ),
    ),
    ("client", "CAP negotiation", later(rb"CAP (?:LS(?: 30\d)?$|REQ :?[a-z])", re.IGNORECASE)),
    (
        "client",
        "PRIVMSG",
        later(rb"(?:PRIVMSG|NOTICE) [^ :\r\n]{1,200} :", re.IGNORECASE),
    ),
    (
        "client",
        "JOIN of a channel",
        later(rb"JOIN :?[#&][^ ,\r\n]{1,64}(?:,[#&]| [^ ]+$|$)", re.IGNORECASE),
    ),
    (
        "client",
        "gateway's WEBIRC",
        later(rb"WEBIRC [^ \r\n]{1,128} [^ \r\n]{1,64} [^ \r\n]{1,128} :?[0-9a-fA-F.:]{3,45}"),
    ),
    (
        "link",
        "server that joins a network",
        later(
            rb"(?::[^ \r\n]{1,64} )?SERVER [^ .\r\n]{1,63}+\.[^ \r\n]{1,200}+"
            rb"(?: [^ :\r\n][^ \r\n]{0,255}+){0,4}? \d{1,2}(?: [^ :\r\n][^ \r\n]{0,255}+){0,12} :"
        ),
    ),
    ("link", "capabilities of a server", later(rb"CAPAB START \d{4}$|PROTOCTL [A-Z][A-Z0-9=]+ ")),
)
_FITS = later(
    rb"(?::[^ \r\n]{1,512} +)?(?:[A-Za-z]{1,32}|\d{3})(?: [^\0]*)?$",
    re.DOTALL,
)
_FIRST = later(
    rb":[^ \r\n]+ |(?:PASS|NICK|USER|CAP|STARTTLS|WEBIRC|SERVER|PROTOCTL|CAPAB|JOIN|PING|PONG|QUIT|"
    rb"MODE|AUTHENTICATE|NOTICE|ERROR|PRIVMSG|WHO|ISON|USERHOST|OPER|AWAY)(?: |$)",
    re.IGNORECASE,
)
"""How a side begins where its beginning was seen: texts with lines of IRC in them do not."""
_TAGS = later(rb"@[!-~]{1,8191} ")


def recognise(peek: Peek) -> Claim | More | None:
    """Claim the first telling line of either side."""
    if peek.transport != "tcp":
        return None
    client, mine, some = _look(peek.client, begun=peek.begun)
    server, theirs, more = _look(peek.server, begun=peek.begun)
    if "foreign" in (client, server):
        return None
    if client or server:
        flipped = client == "server" or server == "client"
        return Claim("irc", evidence=mine or theirs, flipped=flipped)
    if max(some, more) >= ENOUGH or (some and more > 1):
        return None
    return MORE


def _look(data: bytes, *, begun: bool) -> tuple[Verdict, str, int]:
    """Return what the lines of a side say, the evidence, and how many there are."""
    lines = data.split(b"\n")
    rest = lines.pop()
    for count, raw in enumerate(lines):
        line = raw.rstrip(b"\r")
        if line.startswith(b"@") and (tags := _TAGS.match(line)):
            line = line[tags.end() :]
        if begun and not count and not _FIRST.match(line):
            return "foreign", "", 0
        for verdict, evidence, pattern in _TELLING:
            if pattern.match(line):
                return verdict, evidence, count + 1
        if line and (begun or count) and not _FITS.match(line):  # else it may be a rest
            return "foreign", "", count + 1
    if len(rest) >= LONGEST or b"\0" in rest:
        return "foreign", "", len(lines)
    return "", "", len(lines)
