"""Messages between clients: text, offers of files and chats, and their answers.

A file's offer is: port u32 | name | size u32 | port u32. Its answer is the same; the first port is
big-endian and counts: some programs leave the last one out, and climm puts the letters " rof"
before it. A chat's: names | port | port. From version 7 on both travel as plugins, which name
themselves in words:

    length u16 | GUID 16 | function u16 | name with u32 length | ... | rest u32 | text with u32
    length | port u16 big-endian | u16 | name | size u32 | port u32

Sources: licq 1.3.0 icqpacket.cpp and icqd-tcp.cpp; icqlib 1.x tcphandle.c; climm @f5a97dec
oscar_icbm.c.
"""

from collections.abc import Iterator

from backchannel.effects import Expect
from backchannel.events import Message as Said
from backchannel.events import Offer, OfferAnswer, PeerAddress, Presence, Room
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.icq import content
from backchannel.protocols.icq.content import words
from backchannel.protocols.icq.names import AWAY_TEXTS, TO_SEVERAL, Kind
from backchannel.protocols.icq.wire import string
from backchannel.protocols.icq_peer.contexts import Announced
from backchannel.protocols.icq_peer.state import State
from backchannel.protocols.icq_peer.wire import ACK, CANCEL, Message
from backchannel.reader import Reader

_FILE = Capability.FILE_TRANSFER
_AWAY_WORDS = dict(
    zip(AWAY_TEXTS, ("away", "busy", "not-available", "do-not-disturb", "free-for-chat"),
        strict=True)
)  # fmt: skip
_REFUSED = 1
_SECURE = {0xED, 0xEE, 0xEF}
"""licq's requests to go on in TLS."""
_PLUGIN_HEAD = 18


def tell(state: State, side: Side, message: Message) -> Iterator[Output]:
    """Tell what one message of *side* says."""
    sequence = message.sequence
    sender, recipient = state.name(side), state.name(side.other)
    kind = message.kind & ~TO_SEVERAL
    if kind == Kind.PLUGIN:
        yield from _plugin(state, side, message)
    elif message.command == CANCEL:
        yield from _answered(state, side, message, accepted=False, reason="cancelled")
    elif message.command == ACK:
        yield from _acknowledged(state, side, message, kind)
    elif kind == Kind.FILE:
        yield from _file(state, side, sequence, message.text, Reader(message.more, 4))
    elif kind == Kind.CHAT:
        state.offer(sequence, _announced(state, side, Capability.MESSAGE, sequence))
        yield from content.message(Kind.CHAT, message.text, sender, recipient)
    elif kind not in AWAY_TEXTS and kind not in _SECURE:
        yield from content.message(kind, message.text, sender, recipient)


def goes_secure(message: Message) -> bool:
    """Say whether what follows on the connection is TLS."""
    return message.command == ACK and message.kind in _SECURE and message.text == b"1"


def _announced(state: State, side: Side, use: Capability, sequence: int) -> Announced:
    return Announced(
        use=use,
        sender=state.name(side),
        recipient=state.name(side.other),
        id=str(sequence),
    )


def _file(
    state: State, side: Side, sequence: int, description: bytes, reader: Reader
) -> Iterator[Output]:
    """Read name | size u32 of an offered file."""
    what = _announced(state, side, _FILE, sequence)
    state.offer(sequence, what)
    name, size = words(string(reader)), reader.u32le()
    yield Offer(
        use=_FILE,
        sender=what.sender,
        recipient=what.recipient,
        id=what.id,
        name=name,
        size=size,
        note=words(description),
    )


# -- answers -----------------------------------------------------------------------------------


def _acknowledged(state: State, side: Side, message: Message, kind: int) -> Iterator[Output]:
    if kind in {Kind.FILE, Kind.CHAT}:
        reader = Reader(message.more)
        ports = _file_ports(reader) if kind == Kind.FILE else _chat_ports(reader)
        accepted = message.status != _REFUSED and ports != 0
        note = words(message.text)
        yield from _answered(state, side, message, accepted=accepted, note=note, port=ports)
        return
    said, sender = words(message.text), state.name(side)
    if kind in _AWAY_WORDS:
        yield Presence(account=sender, status=_AWAY_WORDS[kind], text=said)
    elif said and kind not in _SECURE:
        recipient = state.name(side.other)
        yield Said(
            sender=sender, recipient=recipient, text=said, kind="auto-response", size=len(said)
        )


def _file_ports(reader: Reader) -> int:
    """Port u32 with its low half big-endian | name | size u32 | port u32."""
    first = reader.u16()
    reader.skip(2)
    string(reader)
    reader.skip(4)
    return first or (reader.u32le() & 0xFFFF)


def _chat_ports(reader: Reader) -> int:
    """Names | port u32 with its low half big-endian | port u32."""
    string(reader)
    first = reader.u16()
    reader.skip(2)
    return first or (reader.u32le() & 0xFFFF)


def _answered(
    state: State,
    side: Side,
    message: Message,
    *,
    accepted: bool,
    reason: str = "",
    note: str = "",
    port: int = 0,
) -> Iterator[Output]:
    """An offer is accepted, declined or withdrawn by *side*."""
    what = state.offers.pop(message.sequence, None)
    use = what.use if what else _FILE
    who, other = state.name(side), state.name(side.other)
    if use is Capability.MESSAGE:
        yield Room(room="", action="join" if accepted else "decline", account=who, others=(other,))
    else:
        yield OfferAnswer(
            use=use,
            sender=who,
            recipient=other,
            id=str(message.sequence),
            accepted=accepted,
            reason=reason,
            note=note,
        )
    if accepted and port:
        yield from _listens(
            state, side, what or Announced(use=use, sender=other, recipient=who), port
        )


def _listens(state: State, side: Side, what: Announced, port: int) -> Iterator[Output]:
    """*side* waits at *port* of its own address for the transfer or the chat."""
    start, once = state.start, what.use is _FILE
    here, there = start.client.address, start.server.address
    address, other = (here, there) if side is Side.CLIENT else (there, here)
    how = "file-accept" if what.use is _FILE else "chat-accept"
    yield PeerAddress(use=what.use, account=state.name(side), address=address, port=port, how=how)
    yield Expect(
        protocol="icq-peer",
        purpose=what.use,
        address=address,
        port=port,
        source=other if once else "",
        accounts=tuple(name for name in (what.sender, what.recipient) if name),
        context=what,
        repeat=not once,  # everybody who joins a chat connects
    )


# -- plugins -----------------------------------------------------------------------------------


def _plugin(state: State, side: Side, message: Message) -> Iterator[Output]:
    """A message, offer or answer that names its kind in words."""
    if not message.more:
        return
    reader = Reader(message.more)
    head = reader.sub(reader.u16le())
    head.skip(_PLUGIN_HEAD)
    name = head.take(head.u32le()).lower()
    reader.skip(4)
    said = reader.take(reader.u32le()) if reader else b""
    if b"file" in name:
        yield from _plugin_file(state, side, message, said, reader)
    elif b"chat" in name:
        yield from _plugin_chat(state, side, message, said, reader)
    elif message.command == ACK:
        return
    elif kind := _plugin_kind(name):
        yield from content.message(kind, said, state.name(side), state.name(side.other))


def _plugin_kind(name: bytes) -> int | None:
    if b"url" in name or b"web page" in name:
        return Kind.URL
    if b"request" in name:
        return None
    return Kind.CONTACTS if b"contacts" in name else None


def _plugin_file(
    state: State, side: Side, message: Message, said: bytes, reader: Reader
) -> Iterator[Output]:
    port = reader.u16()
    reader.skip(2)
    if message.command == ACK:
        string(reader)
        reader.skip(4)
        port = port or (reader.u16le() if len(reader) >= 2 else 0)
        accepted = message.status != _REFUSED and port != 0
        reason = words(message.text or said)
        yield from _answered(state, side, message, accepted=accepted, reason=reason, port=port)
    elif message.command == CANCEL:
        yield from _answered(state, side, message, accepted=False, reason="cancelled")
    else:
        yield from _file(state, side, message.sequence, said, reader)


def _plugin_chat(
    state: State, side: Side, message: Message, said: bytes, reader: Reader
) -> Iterator[Output]:
    names = string(reader)
    port = reader.u16()
    reader.skip(2)
    if message.command == ACK:
        port = port or (reader.u16le() if len(reader) >= 2 else 0)
        # A chat of several is accepted without a port, when it names who is there.
        accepted = message.status != _REFUSED and bool(port) != bool(names)
        reason = words(message.text or said)
        yield from _answered(state, side, message, accepted=accepted, reason=reason, port=port)
    elif message.command == CANCEL:
        yield from _answered(state, side, message, accepted=False, reason="cancelled")
    else:
        state.offer(message.sequence, _announced(state, side, Capability.MESSAGE, message.sequence))
        yield from content.message(Kind.CHAT, said, state.name(side), state.name(side.other))
