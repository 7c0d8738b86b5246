"""What two clients say to each other, told. Either may ask for files.

$MyNick, $Lock, $Supports, $Direction, $Key           a greeting, of each
$ADCGET type name start bytes|      $ADCSND the same|, then the bytes
$Get path$place from 1|             $FileLength bytes|, $Send| of who asked, then the bytes
$UGetBlock start bytes path|        $Sending bytes|, then the bytes; also with Z, packed
"""

from collections.abc import Iterator

from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.dc_files import MOST_SIZE, Asked, Body, ask, read_asked
from backchannel.protocols.nmdc.hub import software
from backchannel.protocols.nmdc.state import State
from backchannel.reader import WireError

KNOWN = frozenset(
    (
        *("$MyNick", "$Lock", "$Supports", "$Direction", "$Key", "$ADCGET", "$ADCSND", "$Get"),
        *("$FileLength", "$Send", "$UGetBlock", "$UGetZBlock", "$GetZBlock", "$Sending"),
        *("$Error", "$MaxedOut", "$Failed", "$Cancel", "$Canceled", "$GetListLen", "$ListLen"),
    )
)


def tell(state: State, side: Side, word: str, rest: str) -> Iterator[Output]:
    """Tell what a command of *side* means."""
    if word == "$MyNick":
        state.clients[side] = rest
    elif word == "$Lock":
        yield from software(rest, "peer", state.clients[side])
    elif word in ("$ADCGET", "$Get", "$UGetBlock", "$UGetZBlock", "$GetZBlock"):
        asked = _asked(word, rest)
        state.asked[side] = asked
        yield from ask(asked, state.clients[side], state.known)
    elif word == "$FileLength":
        state.length = _number(rest)
    elif word in ("$Error", "$MaxedOut", "$Failed", "$Canceled"):
        state.asked.pop(side.other, None)


def body(state: State, side: Side, word: str, rest: str, serial: int) -> tuple[Side, Body] | None:
    """Return what comes now, and from which side; None where a command brings no bytes."""
    if word == "$ADCSND":
        coming = read_asked(rest.split(" "))
        if coming.size < 0:
            raise WireError("answer without a size")
        return side, _body(state, side, coming, serial)
    if word == "$Send" and (asked := state.asked.pop(side, None)) and state.length >= 0:
        size = max(0, state.length - asked.start)
        return side.other, _body(state, side.other, asked._replace(size=size), serial)
    if word == "$Sending" and (asked := state.asked.pop(side.other, None)):
        size = _number(rest) if rest else asked.size
        return side, _body(state, side, asked._replace(size=size), serial)
    return None


def _body(state: State, sender: Side, coming: Asked, serial: int) -> Body:
    return Body(coming, state.name(sender), state.name(sender.other), state.known, serial)


def _asked(word: str, rest: str) -> Asked:
    if word == "$ADCGET":
        return read_asked(rest.split(" "))
    if word == "$Get":
        path, _, place = rest.rpartition("$")
        return Asked("file", _name(path), max(0, _number(place) - 1), -1, False)
    start, size, path = (*rest.split(" ", 2), "", "")[:3]
    return Asked("file", _name(path), _number(start), _number(size), "Z" in word)


def _name(path: str) -> str:
    """Return the file of a path, without the folders."""
    return path.replace("\\", "/").rpartition("/")[2]


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18 or int(text) > MOST_SIZE:
        raise WireError("no number")
    return int(text)
