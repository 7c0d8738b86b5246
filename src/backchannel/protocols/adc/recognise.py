"""Whether bytes are ADC: the first whole line of either side, in ADC's own form."""

from backchannel.model import MORE, Claim, More
from backchannel.patterns import later
from backchannel.protocols import Peek

_FEATURES = rb"(?: (?:AD|RM)[A-Z][A-Z0-9]{3}){1,64} ?\r?\n"
_FROM_HUB = later(rb"ISUP" + _FEATURES)
_FROM_CLIENT = later(rb"HSUP" + _FEATURES)
_PEER = later(rb"CSUP" + _FEATURES)
_SID = rb" [A-Z2-7]{4}"
_WORD = rb"[^\n\0]{0,4096}"
_EITHER = later(
    rb"BINF" + _SID + rb"(?: [A-Z][A-Z0-9][^ \n\0]{0,1024}){1,64}\n|"
    rb"BMSG" + _SID + rb" [^ \n\0]{1,4096}(?: ME1)?\n|"
    rb"[DE]MSG" + _SID + _SID + rb" [^ \n\0]{1,4096} PM[A-Z2-7]{4}(?: ME1)?\n|"
    rb"BSCH" + _SID + rb"(?: (?:AN|NO|EX|LE|GE|EQ|TO|TY|TR|TD|KY|GR|RX|MC)[^ \n\0]{1,512}){1,64}\n|"
    rb"FSCH" + _SID + rb" [+-][A-Z0-9]{4}(?:[+-][A-Z0-9]{4})*(?: [A-Z]{2}[^ \n\0]{1,512}){1,64}\n|"
    rb"DCTM" + _SID + _SID + rb" ADCS?/[0-9.]{3,5} \d{1,5} [^ \n\0]{1,64}\n|"
    rb"DRCM" + _SID + _SID + rb" ADCS?/[0-9.]{3,5} [^ \n\0]{1,64}\n|"
    rb"CGET (?:file|list|tthl) [^ \n\0]{1,2048} \d{1,18} -?\d{1,18}(?: [A-Z0-9]{3}){0,4}\n"
)
_ANSWER = later(rb"URES [A-Z2-7]{39}(?: [A-Z]{2}[^ \n\0]{0,2048}){2,32}\n?$")
_LONGEST = 8192
_FIRST = tuple(
    b"HSUP AD|ISUP AD|CSUP AD|BINF |BMSG |DMSG |EMSG |BSCH |FSCH |DCTM |DRCM |CGET ".split(b"|")
)


def recognise(peek: Peek) -> Claim | More | None:
    """Claim the first line that is one of ADC's own."""
    if peek.transport == "udp":
        return Claim("adc", evidence="answer to a search") if _ANSWER.match(peek.client) else None
    if peek.transport != "tcp":
        return None
    waits = False
    for data, flipped in ((peek.client, False), (peek.server, True)):
        for pattern, hub in (
            (_FROM_HUB, True),
            (_FROM_CLIENT, False),
            (_PEER, flipped),
            (_EITHER, flipped),
        ):
            if pattern.match(data):
                word = data[:4].decode()
                return Claim("adc", evidence=f"ADC's {word}", flipped=hub != flipped)
        waits = waits or _begins(data)
    return MORE if waits else None


def _begins(data: bytes) -> bool:
    """Whether a side may go on as a line that is not all there."""
    return (
        bool(data)
        and len(data) < _LONGEST
        and b"\n" not in data
        and any(word.startswith(data[: len(word)]) for word in _FIRST)
    )
