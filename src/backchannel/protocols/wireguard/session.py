"""One flow of WireGuard, with or without disco: datagrams in, events out.

What is inside is encrypted. What shows: who asks for keys, who answers, which indices name them,
and the counters of the data. Data without a handshake proves itself by PROOF packets that count up;
until then, or until an answer fits, the claim may be withdrawn.

A bounded look: after ENOUGH packets of data the flow is summed up and left alone, new handshakes
included. Held: KEYS sequences a side of about a kilobyte each, and as many indices.
"""

from typing import Literal

from backchannel.decoder import Decoder
from backchannel.effects import Spoken, Tie
from backchannel.events import Gap
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.esp.sequence import Sequence
from backchannel.protocols.wireguard.events import (
    TailscaleNode,
    WireguardHandshake,
    WireguardKeepalive,
    WireguardTraffic,
)
from backchannel.protocols.wireguard.recognise import recognise
from backchannel.protocols.wireguard.wire import (
    COOKIE,
    DATA,
    INITIATION,
    KEEPALIVE,
    PLAIN,
    Disco,
    Message,
    index,
    read,
)

__all__ = ["Session", "recognise"]

ENOUGH = 1000
"""Packets of data, or datagrams of nobody, after which a flow is left alone."""
PROOF = 3
"""Packets that follow another of their index by one small step: 80 fixed bits each."""
STRIKES = 2
KEYS = 8
"""Keys of a side that are followed at once; there are three at most in use."""
ATTEMPTS = 16
"""Initiations of a side whose answer is waited for."""
KEEPALIVES = 64
NODES = 16
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side
_NAMES: dict[Side, Literal["client", "server"]] = {_CLIENT: "client", _SERVER: "server"}


class _Key:
    """What one key carried one way."""

    __slots__ = ("keepalives", "sequence", "told")

    def __init__(self, message: Message) -> None:
        self.sequence = Sequence(message.counter, message.size)
        self.keepalives = 0
        self.told = False


class Session(Decoder):
    """One flow."""

    def __init__(self, start: Start) -> None:
        self.service = "wireguard"
        self.standing = _CLAIMED
        self.done = False
        self._addresses = start.client.address, start.server.address
        self._asked: tuple[list[int], list[int]] = [], []
        """Of each side, the indices of its initiations since the last answer."""
        self._attempts = [0, 0]
        self._keys: tuple[dict[int, _Key], dict[int, _Key]] = {}, {}
        """Of each side, what it sent by the receiver's index."""
        self._reserved = [PLAIN, PLAIN]
        self._keyed = False
        self._cut_short = False
        """The snap length is shorter than a handshake, and so may data be."""
        self._keepalives = [0, 0]
        self._nodes = ["", ""]
        self._told_nodes = 0
        self._follows = self._strange = self._data = 0

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*."""
        if self.done or self.standing is _REFUTED:
            return []
        message = read(data, self._cut_short)
        if message is None:
            return self._foreign()
        if type(message) is Disco:
            return self._disco(side, message)
        assert type(message) is Message
        if message.kind != DATA:
            self._cut_short |= message.is_cut
            return self._handshake(side, message)
        if message.reserved not in (PLAIN, self._reserved[side]):
            return self._foreign()
        return self._datum(side, message)

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Datagrams have no holes; only a truncated capture says so."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """Tell the last figures of *side*, and withdraw what was never proved."""
        if self.standing is _CLAIMED and any(self._keys) and not any(self._asked):
            self.standing = _REFUTED
        if self.standing is _REFUTED or self.done:
            return []
        out: list[Output] = [*self._sums(side, "ends")]
        if asked := self._asked[side]:
            out.append(self._stage("unanswered", side, asked[-1]))
        return out

    # -- handshakes ----------------------------------------------------------------------------

    def _handshake(self, side: Side, message: Message) -> list[Output]:
        if message.kind == INITIATION:
            return self._initiation(side, message)
        asked = self._asked[side.other]
        if message.receiver not in asked:  # of what was asked before the capture, or forged
            return []
        self._reserved[side] = message.reserved
        self.standing = _PARSED
        if message.kind == COOKIE:
            return [self._stage("cookie-required", side.other, message.receiver)]
        told = self._stage("answered", side.other, message.receiver, message.sender)
        asked.clear()
        self._attempts[side.other] = 0
        self._keyed = True
        mine, theirs = self._tie(side, message.sender), self._tie(side.other, message.receiver)
        return [mine, theirs, told]

    def _initiation(self, side: Side, message: Message) -> list[Output]:
        asked = self._asked[side]
        if message.sender in asked:  # the capture doubles it
            return []
        asked.append(message.sender)
        del asked[:-ATTEMPTS]
        self._attempts[side] += 1
        self._reserved[side] = message.reserved
        return [self._stage("initiated", side, message.sender)]

    def _stage(
        self,
        stage: Literal["initiated", "answered", "cookie-required", "unanswered"],
        initiator: Side,
        asked: int,
        answered: int | None = None,
    ) -> WireguardHandshake:
        reserved = self._reserved[initiator]
        return WireguardHandshake(
            stage=stage,
            initiator=_NAMES[initiator],
            initiator_index=index(asked),
            responder_index="" if answered is None else index(answered),
            attempt=self._attempts[initiator],
            rekey=self._keyed,
            reserved="" if reserved == PLAIN else reserved.hex(),
        )

    def _tie(self, owner: Side, number: int) -> Tie:
        """Tie to the flows on which *owner* goes on with this key after its peer moved."""
        return Tie(key=f"wireguard/{self._addresses[owner]}/{index(number)}")

    # -- data ----------------------------------------------------------------------------------

    def _datum(self, side: Side, message: Message) -> list[Output]:
        self._data += 1
        keys = self._keys[side]
        key = keys.get(message.receiver)
        out: list[Output] = []
        if key is None:
            key = self._begin(side, message, out)
        else:
            if self.standing is _CLAIMED:
                self._follows += key.sequence.follows(message.counter)
            key.sequence.add(message.counter, message.size)
        if self.standing is _CLAIMED and self._follows >= PROOF:
            self.standing = _PARSED
        if self.standing is _PARSED and not key.told:
            out += self._introduce(side)
        if message.size == KEEPALIVE:
            key.keepalives += 1
            self._keepalives[side] += 1
            if self._keepalives[side] <= KEEPALIVES:
                out.append(WireguardKeepalive(count=self._keepalives[side]))
        return out + self._enough()

    def _begin(self, side: Side, message: Message, out: list[Output]) -> _Key:
        keys = self._keys[side]
        if len(keys) >= KEYS:
            oldest = next(iter(keys))
            key = keys.pop(oldest)
            if key.told:
                out.append(_figures("ends", oldest, key))
        keys[message.receiver] = key = _Key(message)
        if self.standing is _CLAIMED and len(keys) > STRIKES:
            self.standing = _REFUTED
        return key

    def _introduce(self, side: Side) -> list[Output]:
        """Tell of what *side* sends, once it is proved to be WireGuard."""
        out: list[Output] = []
        for number, key in self._keys[side].items():
            if not key.told:
                key.told = self._keyed = True
                out += [self._tie(side.other, number), _figures("begins", number, key)]
        return out

    def _enough(self) -> list[Output]:
        if self._data < ENOUGH or self.standing is not _PARSED:
            return []
        out: list[Output] = []
        for each in (_CLIENT, _SERVER):
            out += [Spoken(side=each), *self._sums(each, "counted")]
        self.done = True
        return out

    def _sums(self, side: Side, state: Literal["counted", "ends"]) -> list[WireguardTraffic]:
        """Sum up what *side* sent, and forget it."""
        keys = self._keys[side]
        told: list[WireguardTraffic] = []
        for number, key in keys.items():
            if key.told:
                told.append(_figures(state, number, key))
        keys.clear()
        return told

    # -- the rest ------------------------------------------------------------------------------

    def _disco(self, side: Side, message: Disco) -> list[Output]:
        self.service = "tailscale"
        if message.key == self._nodes[side]:
            self.standing = _PARSED
            return []
        self._nodes[side] = message.key
        self._told_nodes += 1
        if self._told_nodes > NODES:
            return []
        out: list[Output] = [TailscaleNode(key=message.key)]
        if all(self._nodes):
            self.standing = _PARSED
            first, second = sorted(self._nodes)
            out.insert(0, Tie(key=f"tailscale/{first}/{second}"))
        return out

    def _foreign(self) -> list[Output]:
        """Neither of the two: junk of variants that hide, or another protocol."""
        self._strange += 1
        if self.standing is _CLAIMED and self._strange >= STRIKES:
            self.standing = _REFUTED
        elif self._strange >= ENOUGH:
            self.done = True
        return []


def _figures(
    state: Literal["begins", "counted", "ends"], number: int, key: _Key
) -> WireguardTraffic:
    sequence = key.sequence
    return WireguardTraffic(
        state=state,
        index=index(number),
        packets=sequence.packets,
        octets=sequence.octets,
        first=sequence.first,
        last=sequence.last,
        missing=sequence.missing,
        late=sequence.late,
        replayed=sequence.replayed,
        keepalives=key.keepalives,
    )
