"""Whether a flow's first bytes are TOC: the greeting, or FLAP frames that hold its words."""

from backchannel.model import MORE, Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.oscar.wire import DATA, KEEP_ALIVE, SIGN_ON, START
from backchannel.protocols.toc import wire

_GREETING, _CLIENT, _SERVER = "FLAPON greeting", "command of a TOC client", "TOC server message"


def recognise(peek: Peek) -> Claim | More | None:
    """Say whether a client greets as TOC's do, or whether frames hold TOC's words."""
    if peek.transport != "tcp":
        return None
    client = _judge(peek.client, begun=peek.begun)
    server = _judge(peek.server, begun=peek.begun)
    if client == "" or server == "":
        return None
    proof = client or server
    flipped = client == _SERVER or server in (_CLIENT, _GREETING)
    return Claim("toc", evidence=proof, flipped=flipped) if proof else MORE


def _judge(data: bytes, *, begun: bool) -> str | None:
    """Return evidence; "" where these bytes cannot be TOC; None where they do not tell yet."""
    if data.startswith(wire.GREETING):
        return _GREETING
    if wire.GREETING.startswith(data):
        return None
    if not begun and data[:1] != b"\x2a":
        found = wire.FRAME.search(data)
        data = data[found.start() :] if found else data
    return _judge_frames(data)


def _judge_frames(data: bytes) -> str | None:
    at = 0
    while at < len(data):
        head = data[at : at + wire.HEADER]
        if head[0] != START or (len(head) > 1 and not SIGN_ON <= head[1] <= KEEP_ALIVE):
            return ""
        if len(head) < wire.HEADER:
            return None
        body = data[at + wire.HEADER : at + wire.HEADER + int.from_bytes(head[4:6])]
        if head[1] == DATA:
            return _judge_text(body, whole=len(body) == int.from_bytes(head[4:6]))
        at += wire.HEADER + int.from_bytes(head[4:6])
    return None


def _judge_text(body: bytes, *, whole: bool) -> str | None:
    if wire.COMMAND.match(body):
        return _CLIENT
    if wire.MESSAGE.match(body):
        return _SERVER
    return None if not whole and len(body) < 32 else ""
