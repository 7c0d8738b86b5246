"""TURN (RFC 8656): who may talk to which peers through a relay, and what they say.

    allocate            -> an address at the relay
    create-permission   -> peers that may send           send, data: a datagram with its peer
    channel-bind        -> a number for a peer           channel data: four bytes and the datagram
    connect (RFC 6062)  -> a TCP connection of the relay; its bytes go over one of their own, which
                           begins with connection-bind and the number that connect was answered

A peer is one target, as of any proxy: it is asked for once, and an inner stream leads there. Held:
PEERS names and numbers, PENDING questions.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from backchannel.effects import Inner, InnerEnd, Open, Remember
from backchannel.events import LoginOffer, PeerAddress, ProxyAnswer, ProxyRequest
from backchannel.model import Capability, Endpoint, Side
from backchannel.protocols import Output
from backchannel.protocols.packed import MARK, marked
from backchannel.protocols.stun.events import TurnAllocation, TurnPeerReached
from backchannel.protocols.stun.logins import SCHEME as LONG_TERM
from backchannel.protocols.stun.logins import Logins
from backchannel.protocols.stun.wire import (
    ALLOCATE,
    CHANNEL_BIND,
    CHANNEL_NUMBER,
    CHANNELS,
    CONNECT,
    CONNECTION_ID,
    CREATE_PERMISSION,
    DATA,
    DATA_VALUE,
    LIFETIME,
    METHODS,
    REALM,
    REFRESH,
    REQUESTED_TRANSPORT,
    SEND,
    SUCCESS,
    XOR_RELAYED,
    Message,
    error_code,
)

CONNECTIONS = "stun/connections"
Connections: TypeAlias = dict[tuple[str, int], Endpoint]
"""Peers by the relay and the number of a connection through it. Nobody changes what is kept."""
PEERS = 256
PENDING = 64
SCHEME = "turn"
_TCP = 6
_TUNNEL = Capability.TUNNEL
_ASKING = frozenset({CREATE_PERMISSION, CHANNEL_BIND, CONNECT})
_STREAMS = "tcp/"
"""In front of the names of peers that are asked to connect by TCP."""


class _Question:
    """What is kept of a request until its answer comes."""

    __slots__ = ("channel", "method", "peers", "tcp", "transaction")

    def __init__(self, message: Message) -> None:
        self.transaction, self.method = message.transaction, message.method
        self.peers = tuple(message.peers()) if message.method in _ASKING else ()
        self.channel = message.number(CHANNEL_NUMBER, 2)
        self.tcp = message.number(REQUESTED_TRANSPORT, 1) == _TCP


class Relay:
    """One client's allocation, as its flow shows it."""

    def __init__(self, server: str, recall: Callable[[str], Any] | None = None) -> None:
        """*server*: the relay's address, which is no news where it is a peer's too. *recall*: as
        `Start` has it.
        """
        self._server, self._recall = server, recall
        self._logins = Logins()
        self._pending: tuple[_Question, ...] = ()
        self._peers = b""
        self._hosts = marked(b"", server)
        self._channels: dict[int, Endpoint] | None = None
        self._open: dict[Endpoint, str] | None = None
        """The names of the inner streams, by their peers."""
        self._reached: set[Endpoint] | None = None
        self._refusals = self._answers = b""
        self._allocated = False
        self._relayed = ""
        """The address that the relay gave the client."""

    def used(self) -> bool:
        """Whether anybody was relayed to anybody."""
        return self._allocated or bool(self._peers)

    # -- questions and answers -----------------------------------------------------------------

    def ask(self, message: Message, data: bytes) -> list[Output]:
        """Take a request, *data* as a whole."""
        told = self._logins.ask(message, data)
        if message.method not in _ASKING and message.method not in (ALLOCATE, REFRESH):
            return told
        self._answered(message.transaction)  # asked again
        asked = _Question(message)
        self._pending = (*self._pending[1 - PENDING :], asked)
        for peer in asked.peers:
            told += self._ask_for(peer, METHODS[message.method])
        return told

    def _answered(self, transaction: bytes) -> _Question | None:
        """Return the question that had this transaction, and forget it."""
        for asked in self._pending:
            if asked.transaction == transaction:
                self._pending = tuple([one for one in self._pending if one is not asked])
                return asked
        return None

    def _ask_for(self, peer: Endpoint, command: str) -> list[Output]:
        """Tell once that somebody asks for *peer*."""
        name = f"{_STREAMS if command == 'connect' else ''}{peer}"
        peers = marked(self._peers, name)
        if peers is self._peers or len(peers) > PEERS * MARK:
            return []
        self._peers = peers
        user = self._logins.account
        told: list[Output] = [
            ProxyRequest(
                scheme=SCHEME, command=command, host=peer.address, port=peer.port, user=user
            )
        ]
        hosts = marked(self._hosts, peer.address)
        if hosts is not self._hosts:
            self._hosts = hosts
            told.append(
                PeerAddress(
                    use=_TUNNEL,
                    account="",
                    address=peer.address,
                    port=peer.port,
                    transport="tcp" if command == "connect" else "udp",
                    how="turn-peer",
                )
            )
        return told

    def answer(self, message: Message) -> list[Output]:
        """Take an answer to a request."""
        told = self._logins.answer(message)
        asked = self._answered(message.transaction)
        if asked is None or asked.method != message.method:
            return told
        if asked.method == ALLOCATE:
            return told + self._allocate(asked, message)
        if asked.method == REFRESH:
            return told + self._refresh(message)
        accepted = message.kind == SUCCESS
        if accepted and asked.method == CHANNEL_BIND:
            self._bind(asked)
        number = error_code(message)
        if not accepted and number in (401, 438):  # it will be asked again
            return told
        code = "granted" if accepted else str(number or "refused")
        for peer in asked.peers:
            if accepted and asked.method == CONNECT:
                told += self._connected(peer, message.number(CONNECTION_ID, 4))
            answers = marked(self._answers, (peer, code))
            if answers is self._answers:  # permissions are renewed every five minutes
                continue
            if len(answers) <= 2 * PEERS * MARK:
                self._answers = answers
            told.append(
                ProxyAnswer(
                    scheme=SCHEME,
                    accepted=accepted,
                    code=code,
                    asked_host=peer.address,
                    asked_port=peer.port,
                )
            )
            if accepted and asked.method == CONNECT:
                told += self._reach(peer, "tcp")
        return told

    def _connected(self, peer: Endpoint, number: int) -> list[Output]:
        """Keep which peer a connection leads to, for the flow that will carry it."""
        known: Connections = (self._recall(CONNECTIONS) if self._recall is not None else None) or {}
        known = {**known, (self._server, number): peer}
        while len(known) > PEERS:
            del known[next(iter(known))]
        return [Remember(key=CONNECTIONS, value=known)]

    def _reach(self, peer: Endpoint, transport: Literal["udp", "tcp"]) -> list[Output]:
        """Tell once that *peer* is reached."""
        reached = self._reached = self._reached or set()
        if peer in reached or len(reached) >= PEERS or not peer.address:
            return []
        reached.add(peer)
        return [
            TurnPeerReached(
                address=peer.address, port=peer.port, transport=transport, relayed=self._relayed
            )
        ]

    def _bind(self, asked: _Question) -> None:
        channels = self._channels = self._channels or {}
        if asked.peers and asked.channel in CHANNELS and len(channels) < PEERS:
            channels[asked.channel] = asked.peers[0]

    def _allocate(self, asked: _Question, message: Message) -> list[Output]:
        code = error_code(message)
        if message.kind == SUCCESS:
            self._allocated = True
        elif code == 438:
            return []
        elif code == 401 and not self._logins.account:
            return self._offer(message)
        else:
            refusals = marked(self._refusals, code)
            if refusals is self._refusals:
                return []
            self._refusals = refusals
        relayed = message.endpoint(XOR_RELAYED)
        if relayed is not None:
            self._relayed = relayed.address
        return [
            TurnAllocation(
                state="granted" if message.kind == SUCCESS else "refused",
                account=self._logins.account,
                realm=self._logins.realm,
                address=relayed.address if relayed else "",
                port=relayed.port if relayed else 0,
                transport="tcp" if asked.tcp else "udp",
                lifetime=message.number(LIFETIME, 4),
                code=code,
            )
        ]

    def _offer(self, message: Message) -> list[Output]:
        """Tell once whose accounts a relay wants to see (RFC 8489 §9.2.4)."""
        realm = message.text(REALM)
        offered = marked(self._refusals, realm)
        if not realm or offered is self._refusals or len(offered) > PEERS * MARK:
            return []
        self._refusals = offered
        return [LoginOffer(methods=(LONG_TERM,), realm=realm)]

    def _refresh(self, message: Message) -> list[Output]:
        if message.kind != SUCCESS or message.number(LIFETIME, 4) or not message.has(LIFETIME):
            return []
        account, realm = self._logins.account, self._logins.realm
        return [TurnAllocation(state="released", account=account, realm=realm)]

    # -- what is relayed -----------------------------------------------------------------------

    def indication(self, side: Side, message: Message) -> list[Output]:
        """Take a datagram that travels with its peer's address."""
        data = message.value(DATA_VALUE)
        peers = message.peers()
        if message.method not in (SEND, DATA) or data is None or not peers:
            return []
        return self._carry(side, peers[0], data)

    def channel(self, side: Side, number: int, data: bytes) -> list[Output]:
        """Take a datagram that travels by its channel's number."""
        peer = self._channels.get(number) if self._channels is not None else None
        if peer is None:  # bound before the capture
            peer = Endpoint("", number)
        return self._carry(side, peer, data)

    def _carry(self, side: Side, peer: Endpoint, data: bytes) -> list[Output]:
        streams = self._open = self._open or {}
        name = streams.get(peer)
        told: list[Output] = []
        if name is None:
            if len(streams) >= PEERS:
                return []
            if peer.address:
                told += self._ask_for(peer, "send")
            name = streams[peer] = str(peer) or f"channel {peer.port:#x}"
            told.append(
                Open(
                    channel=name,
                    host=peer.address,
                    port=peer.port if peer.address else 0,
                    transport="udp",
                    label=SCHEME,
                )
            )
        if side is Side.SERVER and (self._reached is None or peer not in self._reached):
            told += self._reach(peer, "udp")
        if data:
            told.append(Inner(side=side, data=data, channel=name))
        return told

    def end(self) -> list[Output]:
        """No more is looked at."""
        names = sorted(self._open.values()) if self._open is not None else []
        self._open = None
        return [InnerEnd(channel=name) for name in names]
