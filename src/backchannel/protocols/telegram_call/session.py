"""A client and a relay of one of Telegram's calls: addresses, and media that is only counted.

A relay tells each client where the other one is, and they go on directly if they can: that flow is
announced. A bounded look: after WATCHED packets nothing more is read. Held: one packet of each side
over TCP, at most 64 KiB, PINGS numbers and ADDRESSES addresses.
"""

from hashlib import sha256

from backchannel.effects import Expect, Tie
from backchannel.events import Gap, Malformed, PeerAddress
from backchannel.model import MORE, Capability, Claim, Confidence, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.telegram_call import wire
from backchannel.protocols.telegram_call.events import TelegramRelay
from backchannel.protocols.telegram_call.wire import FROM_RELAY, HELLO, OPENING, PING, SELF, Packet
from backchannel.reader import WireError

WATCHED = 200
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


class Session:
    """One client's packets to and from one relay."""

    def __init__(self, start: Start) -> None:
        self.service = "telegram"
        self.standing = Standing.CLAIMED
        self.done = start.context == DIRECT
        """Of a direct flow nothing can be read: all of it is encrypted."""
        self._tcp = start.transport == "tcp"
        self._outside = start.client.address
        self._buffers = {side: bytearray() for side in Side}
        self._begun = False
        self._call = b""
        self._heard = 0
        self._pings: dict[int, None] = {}
        self._told: set[tuple[str, int]] = set()
        self._going: dict[Side, bool] = {}
        """Who sent media, and whether it was tgcalls' kind."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*, or the next bytes of its stream."""
        if self.done or self.standing is Standing.REFUTED:
            return []
        if not self._tcp:
            return self._packet(side, data)
        told: list[Output] = []
        buffer = self._buffers[side]
        buffer += data
        try:
            if side is Side.CLIENT and not self._begun:
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
        for buffer in self._buffers.values():
            buffer.clear()
        if self.standing is Standing.CLAIMED:
            self.standing = Standing.REFUTED

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
        if side is Side.CLIENT:
            return told + self._asked(packet)
        self.standing = Standing.PARSED
        return told + self._answered(packet)

    def _asked(self, packet: Packet) -> list[Output]:
        if packet.kind == PING:
            if len(self._pings) >= PINGS:
                del self._pings[next(iter(self._pings))]
            self._pings[packet.id] = None
        return [] if packet.kind else self._media(Side.CLIENT, packet)

    def _answered(self, packet: Packet) -> list[Output]:
        if not packet.kind:
            return self._media(Side.SERVER, packet)
        if packet.kind == SELF and packet.id not in self._pings:
            return []
        told = self._address(packet.own, "reflector-self")
        found = self._address(packet.peer, "reflector-peer")
        if packet.peer and found:
            found.append(self._direct(packet.peer))
        return told + found

    def _direct(self, peer: tuple[str, int]) -> Expect:
        return Expect(
            protocol="telegram-call",
            purpose=Capability.VOICE_VIDEO,
            address=peer[0],
            port=peer[1],
            source=self._outside,
            transport="udp",
            context=DIRECT,
        )

    def _address(self, found: tuple[str, int] | None, how: str) -> list[Output]:
        """Tell where somebody is seen, where that is not what the packets themselves show."""
        if found is None or found in self._told or len(self._told) >= ADDRESSES:
            return []
        if how == "reflector-self" and found[0] == self._outside:
            return []
        self._told.add(found)
        return [
            PeerAddress(
                use=Capability.VOICE_VIDEO,
                account="",
                address=found[0],
                port=found[1],
                transport="udp",
                how=how,
            )
        ]

    def _media(self, side: Side, packet: Packet) -> list[Output]:
        if len(self._going) == len(Side):
            return []
        self._going[side] = packet.webrtc
        if len(self._going) < len(Side):
            return []
        return [TelegramRelay(form="webrtc" if all(self._going.values()) else "libtgvoip")]

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - of either side
        """Over TCP nothing tells where the next packet begins; datagrams have no holes."""
        if self._tcp:
            self._leave()
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is summed up."""
        return []
