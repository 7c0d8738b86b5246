"""Whether bytes are NMDC: the first whole command of either side, in NMDC's own form."""

import re

from backchannel.model import MORE, Claim, More
from backchannel.patterns import later
from backchannel.protocols import Peek

_LONGEST = 65_536
_NICK = rb"[^ $|\r\n\0]{1,64}"
_FROM_HUB = later(
    rb"\$Lock [\x21-\x7e ]{6,512}? Pk=[\x20-\x7b\x7d-\x7e]{1,256}\||\$Hello " + _NICK + rb"\|"
)
_FROM_CLIENT = later(
    rb"\$Supports (?:[A-Za-z][A-Za-z0-9]{1,24} ){1,32}?[A-Za-z0-9]{0,24} ?\||"
    rb"\$ValidateNick " + _NICK + rb"\|"
)
_PEER = later(
    rb"\$MyNick " + _NICK + rb"\||\$ADCGET (?:file|list|tthl) [^|\0]{1,512} \d+ -?\d+[^|]{0,16}\|"
)
_EITHER = later(
    rb"\$MyINFO \$ALL " + _NICK + rb" [^|\0]{0,1024}\$\d{0,18}\$\||"
    rb"\$To: " + _NICK + rb" From: " + _NICK + rb" \$<[^|\0]{1,65000}\||"
    rb"\$ConnectToMe "
    + _NICK
    + rb" (?:"
    + _NICK
    + rb" )?[0-9A-Fa-f.:\[\]]{2,47}:\d{1,5}[SNR]{0,2}\||"
    rb"\$Search [^ |\0]{3,128} [TF]\?[TF]\?\d{1,20}\?\d{1,2}\?[^|\0]{1,1024}\||"
    rb"\$SR " + _NICK + rb" [^|\0]{1,2048}\x05[^|\0]{1,512}\|?",
    re.DOTALL,
)
_BEGIN = tuple(
    b"$Lock |$Hello |$Supports |$ValidateNick |$MyNick |$ADCGET |$MyINFO $ALL |$To: |"
    b"$ConnectToMe |$Search |$SR ".split(b"|")
)


def recognise(peek: Peek) -> Claim | More | None:
    """Claim the first command that is one of NMDC's own."""
    if peek.transport == "udp":
        found = _EITHER.match(peek.client) if peek.client.startswith(b"$SR ") else None
        return Claim("nmdc", evidence="answer to a search, $SR") if found else None
    if peek.transport != "tcp":
        return None
    peer = any(_PEER.match(data) for data in (peek.client, peek.server))
    waits = False
    for data, flipped in ((peek.client, False), (peek.server, True)):
        for pattern, hub in (
            (_FROM_HUB, True),
            (_FROM_CLIENT, False),
            (_PEER, None),
            (_EITHER, None),
        ):
            if found := pattern.match(data):
                turned = hub is not None and not peer and hub != flipped
                word = found[0].split(b" ")[0].decode()
                return Claim("nmdc", evidence=f"NMDC's {word}", flipped=turned)
        waits = waits or _begins(data)
    return MORE if waits else None


def _begins(data: bytes) -> bool:
    """Whether a side may go on as a command that is not all there."""
    return (
        bool(data)
        and len(data) < _LONGEST
        and b"|" not in data
        and any(word.startswith(data[: len(word)]) for word in _BEGIN if word)
    )
