"""One flow of STUN: datagrams or a TCP stream in, events and relayed streams out.

    STUN -> binding: addresses, ICE's names -> TURN: `logins`, `relay`
    channel data -> `relay`                    the rest -> `calls`

A bounded look, since checks repeat for as long as a call lasts: after BINDINGS messages (MESSAGES
where a relay is used) or PACKETS of anything else the flow is summed up and left alone. Held: one
message of each side over TCP, TOLD names, PENDING transactions, and what the parts say.
"""

from typing import Literal

from backchannel.decoder import Decoder
from backchannel.effects import Spoken
from backchannel.events import Event, Gap, Malformed, PeerAddress, Software
from backchannel.model import Capability, Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.stun.calls import Calls
from backchannel.protocols.stun.events import IceCheck, StunCarries
from backchannel.protocols.stun.framing import ENOUGH, Stream, framed
from backchannel.protocols.stun.logins import Logins
from backchannel.protocols.stun.recognise import recognise
from backchannel.protocols.stun.relay import Relay
from backchannel.protocols.stun.wire import (
    BINDING,
    CONNECTION_BIND,
    CONTROLLED,
    CONTROLLING,
    COOKIE,
    INDICATION,
    MAPPED_ADDRESS,
    REALM,
    REQUEST,
    SOFTWARE,
    SUCCESS,
    USE_CANDIDATE,
    USERNAME,
    XOR_MAPPED,
    XOR_MAPPED_OLD,
    Message,
    classic,
    read,
    size_of,
)
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]

BINDINGS = 100
MESSAGES = 400
PACKETS = 1000
PENDING = 32
TOLD = 64
STRIKES = 3
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side
_MAPPED = XOR_MAPPED, XOR_MAPPED_OLD, MAPPED_ADDRESS
_VENDORS = (
    (frozenset({0xC057, 0xC058, 0xC059, 0xC05B}), "Google"),
    (frozenset({0x8008, 0x8050, 0x8054, 0x8070}), "Microsoft"),
)
"""Attributes in IANA's registry, and in [MS-TURN] and [MS-ICE2]."""


class Session(Decoder):
    """One flow."""

    def __init__(self, start: Start) -> None:
        self.service = start.service or "stun-turn"
        self.standing = _CLAIMED
        self.done = False
        self._tcp = start.transport == "tcp"
        self._ends = start.client, start.server
        self._use = start.purpose or Capability.VOICE_VIDEO
        self._pending: dict[bytes, Side] = {}
        self._told: set[object] = set()
        """What was told, by what it was made of, since most of it comes again and again."""
        self._start = start
        self._logins: Logins | None = None
        self._relay: Relay | None = None
        self._calls: Calls | None = None
        """Made when a message or datagram is theirs: most flows have none, and there are many."""
        self._messages = self._packets = self._strange = 0
        self._most = BINDINGS
        self._streams: tuple[Stream, ...] = (Stream(), Stream()) if self._tcp else ()
        self._lengths: bool | None = None
        """Over TCP: whether each piece has its length in front, as ICE has it; None: not known."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*, or the next bytes of its stream."""
        if self.done or self.standing is _REFUTED:
            return []
        return self._stream(side, data) if self._tcp else self._packet(side, data)

    def gap(self, side: Side, size: int) -> list[Output]:
        """Bytes were never seen: over TCP nothing tells where the next message begins."""
        if self._tcp:
            self._lose(side)
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* sends no more."""
        if self.done or self.standing is _REFUTED:
            return []
        told = self._calls.end(side) if self._calls is not None else []
        return told + self._relay.end() if self._relay is not None and side is _SERVER else told

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a message and not ended it."""
        return self._tcp and bool(self._streams[side].buffer)

    # -- framing -------------------------------------------------------------------------------

    def _stream(self, side: Side, data: bytes) -> list[Output]:
        stream = self._streams[side]
        if stream.deaf:
            return []
        stream.buffer += data
        if self._lengths is None:
            if len(stream.buffer) < ENOUGH:
                return []
            self._lengths = framed(stream.buffer)
        told: list[Output] = []
        try:
            while (piece := stream.take(lengths=self._lengths)) is not None:
                told += self._packet(side, piece)
                if self.done or self.standing is _REFUTED:
                    self._lose(side)
        except WireError as error:
            self._lose(side)
            told.append(Malformed(reason=str(error)))
        return told

    def _lose(self, side: Side) -> None:
        """Read no more of this stream."""
        self._streams[side].lose()
        first, second = self._streams
        self.done = self.done or (first.deaf and second.deaf)

    def _packet(self, side: Side, data: bytes) -> list[Output]:
        told = self._datagram(side, data)
        if self._messages >= self._most or self._packets >= PACKETS:
            told += self._leave()
        return told

    def _datagram(self, side: Side, data: bytes) -> list[Output]:
        first, octets = 0xFF, data
        if data:
            first = octets[0]
        if first < 0x40 and data[4:8] == COOKIE:
            return self._stun(side, data)
        if first < 2 and (message := _without_cookie(data)) is not None:
            return self._message(side, message, data)
        self._packets += 1
        if 0x40 <= first < 0x80 and self._is_channel(data):
            return self._channel(side, data)
        if self.standing is _CLAIMED:
            self._strange += 1
        if len(data) <= 4:
            return []
        if self._calls is None:
            self._calls = Calls(self._start, self.service)
        return self._calls.add(side, data)

    def _is_channel(self, data: bytes) -> bool:
        """Whether *data*, whose number is in the range, is channel data: whether there is a relay,
        and the length fits.
        """
        relayed = self._relay is not None and self._relay.used()
        if len(data) < 4 or not (relayed or self._lengths is False):
            return False
        size = size_of(data)
        return size <= len(data) <= size + 3

    def _channel(self, side: Side, data: bytes) -> list[Output]:
        octets, size = data, size_of(data)
        told = self._turn().channel(side, octets[0] << 8 | octets[1], data[4:size])
        if self._fresh("channel-data"):
            told.insert(0, StunCarries(kind="channel-data"))
        return told

    # -- messages ------------------------------------------------------------------------------

    def _stun(self, side: Side, data: bytes) -> list[Output]:
        try:
            message = read(data)
        except WireError as error:
            return self._broken(str(error))
        return self._message(side, message, data)

    def _message(self, side: Side, message: Message, data: bytes) -> list[Output]:
        self._messages += 1
        if message.intact is False:
            return self._once(Malformed(reason="fingerprint does not fit the message"))
        if message.intact:
            self.standing = _PARSED
        told = self._software(side, message)
        if message.kind == REQUEST:
            return told + self._request(side, message, data)
        if message.kind == INDICATION:
            return told + self._indication(side, message)
        return told + self._answer(side, message)

    def _broken(self, reason: str) -> list[Output]:
        self._packets += 1
        if self.standing is _CLAIMED:
            self._strange += 1
            if self._strange >= STRIKES:
                self.standing = _REFUTED
        return self._once(Malformed(reason=reason))

    def _request(self, side: Side, message: Message, data: bytes) -> list[Output]:
        if len(self._pending) >= PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[message.transaction] = side
        told = self._check(message) if message.method == BINDING else []
        if message.method != BINDING or REALM in message.attributes:
            relay = self._turn()
            assert self._logins is not None
            told += self._logins.ask(message, data) + relay.ask(message)
        if message.method != BINDING:
            self._most = MESSAGES
        return told

    def _indication(self, side: Side, message: Message) -> list[Output]:
        if message.method == BINDING:
            return []
        told = self._turn().indication(side, message)
        self._messages -= bool(told)  # counted as what it carries
        self._packets += bool(told)
        return told

    def _answer(self, side: Side, message: Message) -> list[Output]:
        asker = self._pending.pop(message.transaction, None)
        if asker is side.other:
            self.standing = _PARSED
        told: list[Output] = []
        if self._logins is not None and self._relay is not None:
            told = self._logins.answer(side, message) + self._relay.answer(message)
        if message.kind == SUCCESS and message.method == CONNECTION_BIND:
            self.done = True  # from here on it is a connection of somebody's, through the relay
        return told + self._mapped(side, message) if message.kind == SUCCESS else told

    def _mapped(self, side: Side, message: Message) -> list[Output]:
        """Tell the address that a NAT gave to who asked, where it is not the one that shows."""
        attributes = message.attributes
        value = attributes.get(XOR_MAPPED)
        if value is None:
            value = attributes.get(XOR_MAPPED_OLD, attributes.get(MAPPED_ADDRESS))
        if value is None or (len(value) == 8 and not self._fresh((value, message.method))):
            return []  # version 6 is masked anew each time
        found = [message.endpoint(each) for each in _MAPPED]
        mapped = found[0] or found[1] or found[2]
        if mapped is None or mapped.address == self._ends[side.other].address:
            return []
        use = self._use if message.method == BINDING else Capability.TUNNEL
        if not self._fresh((mapped, use)):
            return []
        return [
            PeerAddress(
                use=use,
                account="",
                address=mapped.address,
                port=mapped.port,
                transport="tcp" if self._tcp else "udp",
                how="stun-mapped",
            )
        ]

    def _check(self, message: Message) -> list[Output]:
        """Tell of an ICE check: a binding request with two names."""
        attributes = message.attributes
        names, nominated = attributes.get(USERNAME), USE_CANDIDATE in attributes
        if not names or REALM in attributes:
            return []
        role: Literal["controlling", "controlled", ""] = ""
        if CONTROLLING in attributes or CONTROLLED in attributes:
            role = "controlling" if CONTROLLING in attributes else "controlled"
        if not self._fresh((names, role, nominated)):
            return []
        vendor = ""
        for own, name in _VENDORS:
            if not own.isdisjoint(attributes):
                vendor = name
                break
        username = message.text(USERNAME)
        return [IceCheck(username=username, role=role, nominated=nominated, vendor=vendor)]

    def _software(self, side: Side, message: Message) -> list[Output]:
        value = message.attributes.get(SOFTWARE)
        if not value or not self._fresh((value, side)):
            return []
        text = message.text(SOFTWARE)
        name, _, version = text.partition("-") if text.startswith("Coturn-") else (text, "", "")
        role: Literal["client", "server"] = "client" if side is _CLIENT else "server"
        return [Software(name=name, version=version, role=role)]

    # -- what is told --------------------------------------------------------------------------

    def _turn(self) -> Relay:
        """Return what knows of relays, and of who asks them."""
        if self._relay is None:
            self._logins = Logins()
            self._relay = Relay(self._logins, self._start.server.address)
        return self._relay

    def _once(self, event: Event) -> list[Output]:
        return [event] if self._fresh(event) else []

    def _fresh(self, what: object) -> bool:
        """Whether *what* was not told before, and there is room to remember it."""
        if what in self._told or len(self._told) >= TOLD:
            return False
        self._told.add(what)
        return True

    def _leave(self) -> list[Output]:
        """Sum up, and want no more."""
        told: list[Output] = []
        for side in (_CLIENT, _SERVER):
            if self._calls is not None:
                told += [Spoken(side=side), *self._calls.leave(side)]
        self.done = True
        return told + self._relay.end() if self._relay is not None else told


def _without_cookie(data: bytes) -> Message | None:
    """Return a message of RFC 3489; None for what is none."""
    try:
        message = read(data)
    except WireError:
        return None
    return message if classic(message) else None
