"""Connections between ICQ clients, as OSCAR tells of them; they speak `icq-peer`.

Where somebody waits stands in user information, in relayed messages, and in requests to connect
the other way round; who accepts a file or a chat waits at a port of its own. Sources: licq
packet-srv.cpp (CPU_ReverseConnect, CPU_AckFileAccept, CPU_AckChatAccept); Miranda NG IcqOscarJ
fam_04message.cpp, icq_filerequests.cpp.
"""

from collections.abc import Iterator

from backchannel.effects import Expect
from backchannel.events import OfferAnswer, PeerAddress, Room
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.icq_peer.contexts import Announced
from backchannel.protocols.oscar import wire
from backchannel.protocols.oscar.letter import Letter
from backchannel.protocols.oscar.state import State
from backchannel.protocols.oscar.wire import compressed
from backchannel.reader import Reader

FAILED_SIZE = 18
"""Bytes of the answer that it could not be done: uin, both ports, version u16, number."""
PEERS_WAIT = 4 * 3600
"""Seconds for which a disclosed port is remembered."""
FILE, CHAT = Capability.FILE_TRANSFER, Capability.MESSAGE


def waits(state: State, address: str, port: int, account: str) -> Iterator[Expect]:
    """Peers may connect to *account* there."""
    if 0 < port < 65536:
        yield Expect(
            protocol="icq-peer",
            purpose=Capability.MESSAGE,
            address=address,
            port=port,
            source=state.opener(account, address),
            accounts=(account,) if account else (),
            lifetime=PEERS_WAIT,
            repeat=True,
        )


def reverse(state: State, letter: Letter, detail: bytes) -> Iterator[Output]:
    """Somebody asks to be connected to: uin u32le, address 4, port u32le, mode u8, the port that
    failed u32le, port u32le, version u16le, number u32le.
    """
    reader = Reader(detail)
    reader.skip(4)
    address = wire.ipv4(reader.take(4))
    port = reader.u32le()
    reader.skip(5)
    port = (port or reader.u32le()) & 0xFFFF
    if address:
        yield PeerAddress(
            account=letter.sender,
            address=address,
            port=port,
            how="reverse connection",
            use=Capability.MESSAGE,
        )
        yield from waits(state, address, port, letter.sender)


def failed(letter: Letter) -> OfferAnswer:
    """Whoever was asked to connect could not."""
    return OfferAnswer(
        sender=letter.sender,
        recipient=letter.recipient,
        id=letter.id,
        accepted=False,
        reason="could not connect",
        use=Capability.MESSAGE,
    )


def answered(
    state: State, letter: Letter, use: Capability, *, accepted: bool, port: int
) -> Iterator[Output]:
    """Somebody accepts a file or a chat, and waits at *port* (0: not told); or declines."""
    if use is FILE:
        yield OfferAnswer(
            sender=letter.sender,
            recipient=letter.recipient,
            id=letter.id,
            accepted=accepted,
            use=use,
        )
    else:
        yield Room(
            room="",
            action="join" if accepted else "decline",
            account=letter.sender,
            others=(letter.recipient,),
        )
    if port:
        yield from _listens(state, letter, use, port)


def _listens(state: State, letter: Letter, use: Capability, port: int) -> Iterator[Output]:
    how = "file-accept" if use is FILE else "chat-accept"
    places = _places(state, letter)
    for address in places:
        yield PeerAddress(account=letter.sender, address=address, port=port, how=how, use=use)
    for address in places or [""]:
        yield Expect(
            protocol="icq-peer",
            purpose=use,
            address=address,
            port=port,
            source=state.opener(letter.sender, address),
            accounts=tuple(filter(None, (letter.recipient, letter.sender))),
            context=Announced(
                use=use, sender=letter.recipient, recipient=letter.sender, id=letter.id
            ),
            repeat=use is CHAT,
        )


def _places(state: State, letter: Letter) -> list[str]:
    """Return the addresses that are known of a letter's sender."""
    who = compressed(letter.sender) + " "
    known = [address for key, (address, _) in state.addresses.items() if key.startswith(who)]
    if letter.side is Side.CLIENT:
        known.append(state.start.client.address)
    return list(dict.fromkeys(known))
