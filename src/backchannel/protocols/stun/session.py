"""One flow of STUN: datagrams or a TCP stream in, events and relayed streams out.

    STUN -> binding: addresses, ICE's names -> TURN: `logins`, `relay`
    channel data -> `relay`                    the rest -> `calls`

A bounded look, since checks repeat for as long as a call lasts: after BINDINGS messages (MESSAGES
where a relay is used) or PACKETS of anything else the flow is summed up and left alone. Held: one
message of each side over TCP, TOLD names, PENDING transactions, and what the parts say.
"""

from typing import Literal

from backchannel.decoder import Decoder
from backchannel.effects import Inner, InnerEnd, InnerGap, Open, Spoken
from backchannel.events import Event, Gap, Malformed, PeerAddress, Software
from backchannel.model import Capability, Endpoint, Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.packed import MARK, marked, place, without
from backchannel.protocols.stun.calls import Calls
from backchannel.protocols.stun.events import IceCheck, StunCall, StunCarries
from backchannel.protocols.stun.framing import ENOUGH, Stream, framed
from backchannel.protocols.stun.recognise import recognise
from backchannel.protocols.stun.relay import CONNECTIONS, SCHEME, Connections, Relay
from backchannel.protocols.stun.services import (
    MULTIPLEXED,
    WHATSAPP,
    Owner,
    is_multiplexed,
    owner,
    read_unpadded,
    vendor,
)
from backchannel.protocols.stun.sockets import of, owner_at, remember, with_peers
from backchannel.protocols.stun.wire import (
    BINDING,
    CONNECTION_BIND,
    CONNECTION_ID,
    CONTROLLED,
    CONTROLLING,
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
    endpoint,
    has_cookie,
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
_VOICE, _TUNNEL = Capability.VOICE_VIDEO, Capability.TUNNEL
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side
_BY_CLIENT, _BY_SERVER = bytes([_CLIENT]), bytes([_SERVER])
_ROW = 17
"""A transaction, and who asked."""
_FULL = PENDING * _ROW


class Session(Decoder):
    """One flow."""

    def __init__(self, start: Start) -> None:
        self.service = start.service or "stun-turn"
        self.standing = _CLAIMED
        self.done = False
        self._nameless = not start.service
        """Whether nobody knows yet whose call it is."""
        self._unasked, self._showed = True, False
        """Whether the sockets that are known were not asked yet, and whether the bytes showed whose
        call it is: then who asks here is known by it elsewhere, once answered."""
        self._tcp = start.transport == "tcp"
        self._start = start
        self._pending = b""
        """Requests without an answer: the transaction and who asked, _ROW bytes each."""
        self._told = b""
        """What was told, by what it was made of, since most of it comes again and again."""
        self._relay: Relay | None = None
        self._calls: Calls | None = None
        """Made when a message or datagram is theirs: most flows have none, and there are many."""
        self._messages = self._packets = self._strange = 0
        self._most = BINDINGS
        self._streams: tuple[Stream, ...] = (Stream(), Stream()) if self._tcp else ()
        self._carries = False
        """Whether all that comes belongs to a peer."""
        self._connection = 0
        """The number of the connection that was asked for."""
        self._lengths: bool | None = None
        """Over TCP: whether each piece has its length in front, as ICE has it; None: not known."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*, or the next bytes of its stream."""
        if self.done or self.standing is _REFUTED:
            return []
        if self._carries:
            return [Inner(side=side, data=data)]
        return self._stream(side, data) if self._tcp else self._packet(side, data)

    def gap(self, side: Side, size: int) -> list[Output]:
        """Bytes were never seen: over TCP nothing tells where the next message begins."""
        if self._carries:
            return [Gap(size=size), InnerGap(side=side, size=size)]
        if self._tcp:
            self._lose(side)
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* sends no more."""
        if self.done or self.standing is _REFUTED:
            return []
        if self._carries:
            return [InnerEnd(side=side)]
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
                if self._carries:
                    return told + self._carried(side)
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
        if first == 0xFF and is_multiplexed(data):
            data = data[MULTIPLEXED:]
            octets, first = data, data[0]
        if first < 0x40 and has_cookie(data):
            return self._stun(side, data)
        if first < 2:
            if (message := _without_cookie(data)) is not None:
                return self._message(side, message, data)
            if (told := self._unpadded(side, data)) is not None:
                return told
        self._packets += 1
        if 0x40 <= first < 0x80 and self._is_channel(data):
            return self._channel(side, data)
        if self.standing is _CLAIMED:
            self._strange += 1
        if len(data) <= 4:
            return []
        if self._calls is None:
            self._calls = Calls(self.service, self._start.accounts)
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
            told = self._unpadded(side, data)
            return self._broken(str(error)) if told is None else told
        return self._message(side, message, data)

    def _unpadded(self, side: Side, data: bytes) -> list[Output] | None:
        """Take a message of a service that pads no attributes; None where it is none."""
        found = read_unpadded(data)
        if found is None:
            return None
        whose, kind = found
        self._messages += 1
        told = self._whose(whose) if self._nameless else []
        if kind == REQUEST:
            self._ask(side, data[4:20])
        elif kind != INDICATION:
            self._proves(side, data[4:20], told)
        return told

    def _whose(self, found: Owner | None) -> list[Output]:
        """Say whose call this is, once something shows it."""
        if found is None and self._unasked:
            self._unasked = False
            found = owner_at(self._start)
        if found is None:
            return []
        service, by = found
        self._nameless, self.service, self._showed = False, service, by != "socket"
        return [StunCall(by=by)]

    def _message(self, side: Side, message: Message, data: bytes) -> list[Output]:
        self._messages += 1
        if message.intact is False:
            return self._once(Malformed(reason="fingerprint does not fit the message"))
        if message.intact:
            self.standing = _PARSED
        told = self._whose(owner(message)) if self._nameless else []
        self._software(side, message, told)
        if message.kind == REQUEST:
            self._request(side, message, data, told)
        elif message.kind == INDICATION:
            told += self._indication(side, message)
        else:
            self._answer(side, message, told)
        return told

    def _broken(self, reason: str) -> list[Output]:
        self._packets += 1
        if self.standing is _CLAIMED:
            self._strange += 1
            if self._strange >= STRIKES:
                self.standing = _REFUTED
        return self._once(Malformed(reason=reason))

    def _request(self, side: Side, message: Message, data: bytes, told: list[Output]) -> None:
        self._ask(side, message.transaction)
        if message.method == CONNECTION_BIND:
            self._connection = message.number(CONNECTION_ID, 4)
        if message.method == BINDING:
            self._check(message, told)
        relays = message.method != BINDING and self.service != WHATSAPP  # which admits, no more
        if relays or message.has(REALM):
            asked = self._turn().ask(message, data)
            told += asked if self._nameless else with_peers(self._start, self.service, asked)
        if message.method != BINDING:
            self._most = MESSAGES

    def _ask(self, side: Side, transaction: bytes) -> None:
        """Remember who asked, the latest PENDING times."""
        pending = self._pending
        at = place(pending, transaction, _ROW)
        if at < 0 and len(pending) >= _FULL:
            at = 0
        if at >= 0:
            pending = without(pending, at, _ROW)
        self._pending = pending + transaction + (_BY_SERVER if side else _BY_CLIENT)

    def _indication(self, side: Side, message: Message) -> list[Output]:
        if message.method == BINDING:
            return []
        told = self._turn().indication(side, message)
        self._messages -= bool(told)  # counted as what it carries
        self._packets += bool(told)
        return told

    def _proves(self, side: Side, transaction: bytes, told: list[Output]) -> None:
        """Take an answer: it proves what it is where the other side asked, who is known by that."""
        octets, at = self._pending, place(self._pending, transaction, _ROW)
        if at < 0:
            return
        asked = octets[at + _ROW - 1] != side
        self._pending = without(self._pending, at, _ROW)
        if not asked:
            return
        self.standing = _PARSED
        if self._showed:
            self._showed, start = False, self._start
            asker = start.client if side else start.server
            told += remember(start, self.service, of(start, asker))

    def _answer(self, side: Side, message: Message, told: list[Output]) -> None:
        self._proves(side, message.transaction, told)
        if self._relay is not None:
            told += self._relay.answer(message)
        if message.kind == SUCCESS and message.method == CONNECTION_BIND and self._tcp:
            self._carry(told)
        if message.kind == SUCCESS:
            self._mapped(side, message, told)

    def _carry(self, told: list[Output]) -> None:
        """From here on it is a connection with a peer, through the relay (RFC 6062 section 4.4)."""
        start = self._start
        known: Connections = (start.recall(CONNECTIONS) if start.recall is not None else None) or {}
        peer = known.get((start.server.address, self._connection), Endpoint("", 0))
        self._carries = True
        told.append(Open(host=peer.address, port=peer.port, label=SCHEME, whole=True))

    def _carried(self, side: Side) -> list[Output]:
        """Return what came before the connection was open, and then what *side*, whose message
        opened it, said behind that.
        """
        told: list[Output] = []
        for each in (side.other, side):
            if held := bytes(self._streams[each].buffer):
                told.append(Inner(side=each, data=held))
            self._streams[each].buffer.clear()
        return told

    def _mapped(self, side: Side, message: Message, told: list[Output]) -> None:
        """Tell the address that a NAT gave to who asked, where it is not the one that shows."""
        packed = message.packed(XOR_MAPPED)
        if packed is None:
            packed = message.packed(XOR_MAPPED_OLD)
        if packed is None:
            packed = message.packed(MAPPED_ADDRESS)
        binding = message.method == BINDING
        if packed is None or not self._fresh((packed, binding, "mapped")):
            return
        mapped, start = endpoint(packed), self._start
        asker = start.server if side == _CLIENT else start.client
        if mapped.address == asker.address:
            return
        use = (start.purpose or _VOICE) if binding or not self._nameless else _TUNNEL
        told.append(
            PeerAddress(
                use=use,
                account="",
                address=mapped.address,
                port=mapped.port,
                transport="tcp" if self._tcp else "udp",
                how="stun-mapped",
            )
        )

    def _check(self, message: Message, told: list[Output]) -> None:
        """Tell of an ICE check: a binding request with two names."""
        names, nominated = message.value(USERNAME), message.has(USE_CANDIDATE)
        if not names or message.has(REALM):
            return
        role: Literal["controlling", "controlled", ""] = ""
        if message.has(CONTROLLING):
            role = "controlling"
        elif message.has(CONTROLLED):
            role = "controlled"
        if not self._fresh((names, role, nominated)):
            return
        told.append(
            IceCheck(
                username=message.text(USERNAME),
                role=role,
                nominated=nominated,
                vendor=vendor(message),
            )
        )

    def _software(self, side: Side, message: Message, told: list[Output]) -> None:
        value = message.value(SOFTWARE)
        if not value or not self._fresh((value, side)):
            return
        text = message.text(SOFTWARE)
        name, _, version = text.partition("-") if text.startswith("Coturn-") else (text, "", "")
        role: Literal["client", "server"] = "client" if side is _CLIENT else "server"
        told.append(Software(name=name, version=version, role=role))

    # -- what is told --------------------------------------------------------------------------

    def _turn(self) -> Relay:
        """Return what knows of relays."""
        if self._relay is None:
            self._relay = Relay(self._start.server.address, self._start.recall)
        return self._relay

    def _once(self, event: Event) -> list[Output]:
        return [event] if self._fresh(event) else []

    def _fresh(self, what: object) -> bool:
        """Whether *what* was not told before, and there is room to remember it."""
        told = marked(self._told, what)
        if told is self._told or len(told) > TOLD * MARK:
            return False
        self._told = told
        return True

    def _leave(self) -> list[Output]:
        """Sum up, and want no more."""
        told: list[Output] = []
        if self._calls is not None:
            for side in (_CLIENT, _SERVER):
                told += [Spoken(side=side), *self._calls.leave(side)]
        if self._relay is not None:
            told += self._relay.end()
        self.done = True
        self._calls = self._relay = None
        self._pending = self._told = b""
        return told


def _without_cookie(data: bytes) -> Message | None:
    """Return a message of RFC 3489; None for what is none."""
    try:
        message = read(data)
    except WireError:
        return None
    return message if message.is_classic() else None
