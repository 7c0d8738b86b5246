"""A client and a relay of one of Telegram's calls: addresses, and media that is only counted.

A relay tells each client where the other one is, and they go on directly if they can: that flow is
announced. A bounded look: after WATCHED packets nothing more is read. Held: one packet of each side
over TCP, at most 64 KiB, PINGS numbers and ADDRESSES addresses.
"""

from hashlib import sha256

from backchannel.decoder import Decoder
from backchannel.effects import Expect, Tie
from backchannel.events import Gap, Malformed, PeerAddress
from backchannel.model import MORE, Capability, Claim, Confidence, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.packed import MARK, marked, place, without
from backchannel.protocols.telegram_call import wire
from backchannel.protocols.telegram_call.events import TelegramRelay
from backchannel.protocols.telegram_call.wire import (
    FROM_RELAY,
    HELLO,
    IDENTITY,
    OPENING,
    PING,
    SELF,
    Packet,
)
from backchannel.reader import WireError

WATCHED = 200
_VOICE = Capability.VOICE_VIDEO
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side
_BOTH = 1 << _CLIENT | 1 << _SERVER
PINGS = 32
ADDRESSES = 16
DIRECT = "direct"
"""The context of a flow that a relay's answer announced."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim what is for a relay, or from it; over TCP, once the relay used the client's tag too."""
    if peek.transport == "tcp":
        return _recognise_stream(peek) if peek.begun else None
    if peek.start.context == DIRECT:
        fits = all(wire.is_sealed(data) for data in (peek.client, peek.server) if data)
        said = "directly to where the relay said the other one is"
        return Claim("telegram-call", Confidence.EXPECTED, said) if fits else None
    for data, flipped in ((peek.client, False), (peek.server, True)):
        packet = wire.read_packet(data)
        if packet is not None and packet.kind > HELLO:
            answers = packet.kind in FROM_RELAY
            said = "a relay's answer" if answers else "a client's question to a relay"
            return Claim(
                "telegram-call", evidence=f"{said}, {packet.kind:08x}", flipped=answers != flipped
            )
    return None


def _recognise_stream(peek: Peek) -> Claim | More | None:
    fits = wire.opens(peek.client)
    if not fits:
        return MORE if fits is None else None
    try:
        packet = wire.take_packet(bytearray(peek.server))
    except WireError:
        return None
    if packet is None:
        return MORE
    if packet[: wire.CALL] != peek.client[8 : 8 + wire.CALL]:
        return None
    return Claim("telegram-call", evidence="tag of 16 bytes, from the relay too")


class Session(Decoder):
    """One client's packets to and from one relay."""

    def __init__(self, start: Start) -> None:
        self.service = "telegram"
        self.standing = _CLAIMED
        self.done = start.context == DIRECT
        """Of a direct flow nothing can be read: all of it is encrypted."""
        self._outside = start.client.address
        self._buffers = (bytearray(), bytearray()) if start.transport == "tcp" else ()
        """Of both sides, over TCP."""
        self._begun = False
        self._call = self._pings = self._told = b""
        """The call's part of its tags; numbers of pings; addresses."""
        self._heard = 0
        self._going = self._wrapped = 0
        """Who sent media, and whether it was tgcalls' kind, until both have: a bit for each side.
        """

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*, or the next bytes of its stream."""
        if self.done or self.standing is _REFUTED:
            return []
        if not self._buffers:
            return self._packet(side, data)
        told: list[Output] = []
        buffer = self._buffers[side]
        buffer += data
        try:
            if side is _CLIENT and not self._begun:
                if len(buffer) < len(OPENING):
                    return []
                self._begun = True
                wire.pass_opening(buffer)
            while not self.done and (packet := wire.take_packet(buffer)) is not None:
                told += self._packet(side, packet)
        except WireError as error:
            told.append(Malformed(reason=str(error)))
            self._leave()
        return told

    def _leave(self) -> None:
        self.done = True
        for buffer in self._buffers:
            buffer.clear()
        if self.standing is _CLAIMED:
            self.standing = _REFUTED

    def _packet(self, side: Side, data: bytes) -> list[Output]:
        self._heard += 1
        if self._heard >= WATCHED:
            self.done = True
        packet = wire.read_packet(data)
        if packet is None:
            return []
        told: list[Output] = []
        if not self._call and any(packet.call):
            self._call = packet.call
            told.append(Tie(key=f"telegram-call/{sha256(packet.call).hexdigest()[:32]}"))
        if packet.call != self._call:
            return []
        if side is _CLIENT:
            return told + self._asked(packet)
        self.standing = _PARSED
        return told + self._answered(packet)

    def _asked(self, packet: Packet) -> list[Output]:
        if packet.kind == PING and place(self._pings, packet.id, IDENTITY) < 0:
            if len(self._pings) >= PINGS * IDENTITY:
                self._pings = without(self._pings, 0, IDENTITY)
            self._pings += packet.id
        return [] if packet.kind else self._media(_CLIENT, packet)

    def _answered(self, packet: Packet) -> list[Output]:
        if not packet.kind:
            return self._media(_SERVER, packet)
        if packet.kind == SELF and place(self._pings, packet.id, IDENTITY) < 0:
            return []
        told = self._address(packet.own, "reflector-self")
        found = self._address(packet.peer, "reflector-peer")
        if packet.peer and found:
            found.append(self._direct(packet.peer))
        return told + found

    def _direct(self, peer: tuple[str, int]) -> Expect:
        return Expect(
            protocol="telegram-call",
            purpose=_VOICE,
            address=peer[0],
            port=peer[1],
            source=self._outside,
            transport="udp",
            context=DIRECT,
        )

    def _address(self, found: tuple[str, int] | None, how: str) -> list[Output]:
        """Tell where somebody is seen, where that is not what the packets themselves show."""
        if found is None or (how == "reflector-self" and found[0] == self._outside):
            return []
        told = marked(self._told, found)
        if told is self._told or len(told) > ADDRESSES * MARK:
            return []
        self._told = told
        return [
            PeerAddress(
                use=_VOICE,
                account="",
                address=found[0],
                port=found[1],
                transport="udp",
                how=how,
            )
        ]

    def _media(self, side: Side, packet: Packet) -> list[Output]:
        if self._going == _BOTH:
            return []
        bit = 1 << side
        self._going |= bit
        self._wrapped = self._wrapped & ~bit | (bit if packet.webrtc else 0)
        if self._going != _BOTH:
            return []
        return [TelegramRelay(form="webrtc" if self._wrapped == _BOTH else "libtgvoip")]

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - of either side
        """Over TCP nothing tells where the next packet begins; datagrams have no holes."""
        if self._buffers:
            self._leave()
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is summed up."""
        return []
