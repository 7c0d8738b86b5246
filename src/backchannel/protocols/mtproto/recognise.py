"""Whether a TCP stream is MTProto, by what both sides say first."""

from backchannel.model import MORE, Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.mtproto import wire
from backchannel.protocols.mtproto.wire import Frames, Message, Opening
from backchannel.reader import WireError


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a client that hides one of the framings in its first bytes, or asks for a new key; and
    one that names a key once the server names the same.
    """
    if peek.transport != "tcp":
        return None
    try:
        opening = wire.read_opening(peek.client)
        said = _first(opening, peek.client) if opening else None
        if opening is None or said is None:
            return MORE
        if said.error:
            return None
        evidence = _evidence(opening, said)
        if evidence:
            return Claim("mtproto", evidence=evidence)
        heard = _heard(opening, peek.server)
    except WireError:
        return None
    if heard is None:
        return MORE
    if not heard.error and (heard.key != said.key or heard.seal == said.seal):
        return None
    what = f"error {heard.error}" if heard.error else f"key {said.key} from both sides"
    return Claim("mtproto", evidence=f"MTProto, {opening.framing}: {what}")


def _evidence(opening: Opening, said: Message) -> str:
    """Return what shows it where the client's bytes suffice."""
    if opening.client:
        return f"MTProto, {opening.framing}, behind the key in its first 64 bytes"
    return f"MTProto, {opening.framing}: {said.step}" if said.step else ""


def _first(opening: Opening, data: bytes) -> Message | None:
    """Return the client's first message; None: "need more"."""
    rest = data[opening.size :]
    frames = Frames(opening.framing, server=False)
    if opening.client:
        rest = opening.client.update(rest)
    frames.add(rest)
    frame = frames.take()
    return None if frame is None else wire.read_message(frame, opening.framing)


def _heard(opening: Opening, data: bytes) -> Message | None:
    """Return the server's first message; None: "need more"."""
    frames = Frames(opening.framing, server=True)
    frames.add(data)
    frame = frames.take()
    return None if frame is None else wire.read_message(frame, opening.framing)
