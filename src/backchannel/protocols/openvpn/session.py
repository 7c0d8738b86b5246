"""One flow of OpenVPN in TLS mode: datagrams or a TCP stream in, events and the TLS inside out.

    packet -> reset: who, how wrapped -> control: acknowledged, in order, to TLS (`channel`)
           -> data: counted

A bounded look: after ENOUGH packets of data the flow is summed up and left alone, new keys
included.
Held: one TCP packet of each side, what `Channel` says, and some numbers: below 100 KiB.
"""

from typing import Literal

from backchannel.decoder import Decoder
from backchannel.effects import Spoken, Tie
from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.openvpn.channel import Channel
from backchannel.protocols.openvpn.events import OpenvpnHandshake, OpenvpnTraffic
from backchannel.protocols.openvpn.joining import Joined, joined, may_begin
from backchannel.protocols.openvpn.recognise import recognise
from backchannel.protocols.openvpn.wire import (
    CLIENT_RESETS,
    DATA_V1,
    DATA_V2,
    NO_PEER,
    SERVER_RESETS,
    SOFT_RESET,
    Shape,
    client_reset,
    opcode_of,
    read_control,
    read_data,
    server_reset,
)
from backchannel.reader import WireError, cut, cut_buffer

__all__ = ["Session", "recognise"]

ENOUGH = 1000
"""Packets of data, or datagrams of nobody, after which a flow is left alone."""
PROOF = 5
"""Packets of data alone whose number follows the one before: 56 fixed bits each."""
WINDOW = 64
STRIKES = 2
CHANNELS = 4
"""Sessions of one flow whose TLS is looked at."""
HANDSHAKES = 256
"""Handshakes that are told of one flow."""
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side
State = Literal["begins", "counted", "ends"]
Stage = Literal["initiated", "answered", "rekeying", "unanswered"]


class _Half:
    """What is known of one side."""

    def __init__(self, begun: bool) -> None:
        self.aligned = begun
        """Whether its stream is known to begin with a packet."""
        self.session = b""
        self.attempts = 0
        self.packets = self.octets = 0
        self.version: Literal[1, 2] = 1
        self.peer = NO_PEER
        self.keys: list[int] = []
        self.number = -1
        self.buffer = bytearray()
        self.deaf = False

    def cut(self) -> bytes | None:
        """Return the next whole packet of its stream; None where there is none."""
        buffer = self.buffer
        size = 2 + (buffer[0] << 8 | buffer[1]) if len(buffer) >= 2 and not self.deaf else 0
        if not size or len(buffer) < size:
            return None
        packet = cut_buffer(buffer, 2, size)
        del buffer[:size]
        return packet

    def lose(self) -> None:
        """Read no more of its stream: where packets begin is lost."""
        self.deaf = True
        self.buffer.clear()

    def traffic(self, state: State) -> OpenvpnTraffic:
        """Return what it sent so far."""
        return OpenvpnTraffic(
            state=state,
            version=self.version,
            peer=None if self.peer == NO_PEER else self.peer,
            keys=tuple(self.keys),
            packets=self.packets,
            octets=self.octets,
        )


class Session(Decoder):
    """One flow."""

    def __init__(self, start: Start) -> None:
        self.service = "openvpn"
        self.standing = _CLAIMED
        self.done = False
        self._tcp = start.transport == "tcp"
        self._halves = _Half(start.begun), _Half(start.begun)
        self._shape: Shape | None = None
        self._joined: Joined | None = None
        """The packet that showed it, where no client's reset did."""
        self._opened = False
        """Whether a reset was seen."""
        self._answered = False
        self._key = 0
        self._channel: Channel | None = None
        self._channels = self._told = 0
        self._follows = self._strange = self._data = 0

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*, or the next bytes of its stream."""
        if self.done or self.standing is _REFUTED:
            return []
        return self._stream(side, data) if self._tcp else self._packet(side, data)

    def gap(self, side: Side, size: int) -> list[Output]:
        """Bytes were never seen. Nothing marks where a packet begins, so a stream is lost."""
        told: list[Output] = [Gap(size=size)]
        if self._tcp:
            self._halves[side].lose()
            told += self._close()
            first, second = self._halves
            if first.deaf and second.deaf:
                told += self._leave()
        return told

    def end(self, side: Side) -> list[Output]:
        """Tell the last figures of *side*, and withdraw what was never proved."""
        if self.standing is _CLAIMED and not self._opened:
            self.standing = _REFUTED
        if self.done or self.standing is _REFUTED:
            return []
        half = self._halves[side]
        told = self._close()
        if half.attempts and not self._answered:
            told.append(self._stage("unanswered", half))
        if half.packets:
            told.append(half.traffic("ends"))
        return told

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a packet and not ended it."""
        return bool(self._halves[side].buffer)

    # -- streams -------------------------------------------------------------------------------

    def _stream(self, side: Side, data: bytes) -> list[Output]:
        half = self._halves[side]
        if half.deaf:
            return []
        half.buffer += data
        if not half.aligned:
            half.aligned = len(half.buffer) >= 3
            if not may_begin(bytes(half.buffer[:3])):
                half.lose()  # it was met within a packet
            if half.deaf or not half.aligned:
                return []
        told: list[Output] = []
        while (packet := half.cut()) is not None:
            told += self._packet(side, packet)
            if self.done or self.standing is _REFUTED:
                half.lose()
        return told

    # -- packets -------------------------------------------------------------------------------

    def _packet(self, side: Side, data: bytes) -> list[Output]:
        opcode = opcode_of(data)
        if opcode in (DATA_V2, DATA_V1):
            return self._datum(side, data)
        if opcode in CLIENT_RESETS:
            return self._client_reset(side, data)
        if opcode in SERVER_RESETS:
            return self._server_reset(side, data)
        return self._control(side, data) if opcode else self._foreign(side)

    def _client_reset(self, side: Side, data: bytes) -> list[Output]:
        shape = client_reset(data)
        if shape is None:
            return self._foreign(side)
        half, session = self._halves[side], data[1:9]
        self._shape, self._opened = shape, True
        told: list[Output] = []
        if half.session != session:
            told += self._begin()
            half.session, half.attempts = session, 0
            told.append(self._tie(session))
        half.attempts += 1
        return told + self._tell("initiated", half)

    def _begin(self) -> list[Output]:
        """A session begins: the one before it, if there was any, is over."""
        told = self._close()
        self._answered, self._key = False, 0
        self._channels += 1
        if self._channels <= CHANNELS:
            self._channel = Channel(f"tls{self._channels}")
        return told

    def _server_reset(self, side: Side, data: bytes) -> list[Output]:
        answer = server_reset(data)
        if answer is None:
            return self._foreign(side)
        shape, remote = answer
        half, other = self._halves[side], self._halves[side.other]
        told: list[Output] = []
        if not other.session and remote:  # the client's own was not captured
            told += self._begin()
            other.session = remote
        elif remote != (other.session if shape.wrapping != "tls-crypt" else b""):
            return self._foreign(side)
        elif remote:
            self.standing = _PARSED
        if self._shape is None:
            self._shape, self._joined = shape, joined(data)
        self._opened = True
        fresh = not self._answered or half.session != data[1:9]
        half.session, self._answered = data[1:9], True
        if fresh:
            told += [self._tie(half.session), *self._tell("answered", half, other.session)]
        return told

    def _control(self, side: Side, data: bytes) -> list[Output]:
        half, other = self._halves[side], self._halves[side.other]
        if self._shape is None or cut(data, 1, 9) != half.session:
            return self._join(side, half, data)
        if self._joined is not None and cut(data, 9, 17) == self._joined.replay:
            return []  # the packet that asked, again
        self.standing = _PARSED  # who speaks again repeats 64 random bits
        if key := data[0] & 7:  # of later handshakes, which version 2.6 wraps anew
            fresh = key != self._key and data[0] >> 3 == SOFT_RESET
            self._key = key
            return self._tell("rekeying", half, other.session) if fresh else []
        try:
            packet = read_control(data, self._shape)
        except WireError as error:
            return [Malformed(reason=str(error))]
        self._answered = self._answered or bool(packet.remote)  # perhaps from another address
        if packet.packet < 0 or self._channel is None:
            return []
        return self._channel.add(side, packet.packet, packet.payload)

    def _join(self, side: Side, half: _Half, data: bytes) -> list[Output]:
        """Take the first packet of a side whose reset was not seen."""
        found, first = joined(data), self._joined
        if found is None or half.session or (first is None) != (self._shape is None):
            return self._foreign(side)
        if first is not None:
            if not found.answers(first):
                return self._foreign(side)
            self.standing = _PARSED
        self._shape, self._joined = found.shape, found
        half.session = found.session
        return []

    def _datum(self, side: Side, data: bytes) -> list[Output]:
        packet, half = read_data(data), self._halves[side]
        if packet is None:
            return self._foreign(side)
        self._data += 1
        told = self._close() if self._channel is not None else []
        if packet.key not in half.keys:
            half.keys.append(packet.key)
        if self.standing is _CLAIMED:
            same = packet.peer == half.peer or not half.packets
            if not same or (half.packets and not 0 < packet.number - half.number <= WINDOW):
                told += self._foreign(side)
            if half.packets and same:
                self._follows += 1
            half.number = packet.number
        half.version = 1 if data[0] >> 3 == DATA_V1 else 2
        half.peer = packet.peer
        half.packets += 1
        half.octets += len(data)
        if self.standing is _CLAIMED and self._follows >= PROOF:
            self.standing = _PARSED
            told += self._introduce()
        elif self.standing is _PARSED and half.packets == 1:
            told.append(half.traffic("begins"))
        return told + self._leave() if self._data >= ENOUGH else told

    def _introduce(self) -> list[Output]:
        """Tell of the data that came before its proof."""
        told: list[Output] = []
        for side in (_CLIENT, _SERVER):
            if self._halves[side].packets:
                told += [Spoken(side=side), self._halves[side].traffic("begins")]
        return told

    def _foreign(self, side: Side) -> list[Output]:
        """No packet of this session: another protocol, or a stream whose framing is lost."""
        self._strange += 1
        if self.standing is _CLAIMED:
            if self._strange >= STRIKES:
                self.standing = _REFUTED
        elif self._tcp:
            self._halves[side].lose()
            return [Malformed(reason="no OpenVPN packet where one should begin")]
        elif self._strange >= ENOUGH:
            return self._leave()
        return []

    # -- what is told --------------------------------------------------------------------------

    def _tell(self, stage: Stage, half: _Half, remote: bytes = b"") -> list[Output]:
        self._told += 1
        return [self._stage(stage, half, remote)] if self._told <= HANDSHAKES else []

    def _stage(self, stage: Stage, half: _Half, remote: bytes = b"") -> OpenvpnHandshake:
        shape = self._shape or Shape("none")
        return OpenvpnHandshake(
            stage=stage,
            wrapping=shape.wrapping,
            hmac=8 * shape.hmac,
            session=half.session.hex(),
            remote=remote.hex(),
            key=self._key,
            attempt=max(1, half.attempts),
        )

    def _tie(self, session: bytes) -> Tie:
        """Tie to the flows on which a client that moved goes on with its session."""
        return Tie(key=f"openvpn/{session.hex()}")

    def _close(self) -> list[Output]:
        """The handshake is over: what follows in its TLS is closed."""
        channel, self._channel = self._channel, None
        return channel.end() if channel is not None else []

    def _leave(self) -> list[Output]:
        """Sum up, and want no more."""
        if self.standing is not _PARSED:
            return []
        told = self._close()
        for side in (_CLIENT, _SERVER):
            if self._halves[side].packets:
                told += [Spoken(side=side), self._halves[side].traffic("counted")]
        self.done = True
        return told
