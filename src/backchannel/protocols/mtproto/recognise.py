"""Whether a TCP stream is MTProto, by what both sides say first."""

from backchannel.model import MORE, Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.mtproto.obfuscation import Cipher
from backchannel.protocols.mtproto.wire import Frames, Message, Opening, read_message, read_opening
from backchannel.reader import WireError


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a client that hides one of the framings in its first bytes, or asks for a new key; and
    one that names a key once the server names the same.
    """
    if peek.transport != "tcp":
        return None
    try:
        opening = read_opening(peek.client)
        if opening is None:  # the server says nothing before
            return None if peek.server else MORE
        said = _first(opening, peek.client)
        if said is None:
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
    if opening.key:
        return f"MTProto, {opening.framing}, behind the key in its first 64 bytes"
    return f"MTProto, {opening.framing}: {said.step}" if said.step else ""


def _first(opening: Opening, data: bytes) -> Message | None:
    """Return the client's first message; None: "need more"."""
    rest = data[opening.size :]
    frames = Frames(opening.framing, False)
    frames.add(Cipher(opening.key, False).update(rest) if opening.key else rest)
    frame = frames.take()
    return None if frame is None else read_message(frame, opening.framing)


def _heard(opening: Opening, data: bytes) -> Message | None:
    """Return the server's first message; None: "need more"."""
    frames = Frames(opening.framing, True)
    frames.add(data)
    frame = frames.take()
    return None if frame is None else read_message(frame, opening.framing)
