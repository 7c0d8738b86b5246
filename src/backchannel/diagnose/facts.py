"""What two gateways said to each other, as far as a diagnosis needs it. Bounded, whatever comes.

    Pair      two addresses
    Attempt   one IKE SA, by its initiator's SPI
    Stream    one ESP SA: an SPI towards one receiver

Where the bounds are reached, what went without an answer gives way to what did not, and what is not
kept is counted: a flood of invented exchanges hides no real one.
"""

from array import array
from collections import Counter, deque
from dataclasses import dataclass, field

from backchannel.diagnose.events import Alive, EspPacket, IcmpRefusal
from backchannel.engine.observation import Observation
from backchannel.model import Endpoint
from backchannel.protocols.esp.events import EspTraffic
from backchannel.protocols.ike.events import (
    IkeMessage,
    IkeNotify,
    IkeProposals,
    IkeStage,
    NatDetection,
    VendorIds,
)

PAIRS = 1024
"""Pairs of addresses followed at a time."""
ATTEMPTS = 64
"""IKE SAs of a pair."""
TOTAL_ATTEMPTS = 8192
"""Those of all pairs."""
MESSAGES = 256
"""IKE messages of an SA: of a long tunnel those of its beginning and the latest."""
TOLD = 64
"""Events of each kind of an SA, keep-alives and refusals of a pair."""
STREAMS = 256
"""ESP SAs of a pair."""
PACKETS = 1 << 18
"""ESP packets of a capture whose numbers and times are kept one by one: some 500 bytes each where
two captures are compared."""
PATHS = 64
"""Changes of a stream's ports."""
SPACES = 1024
"""Keep-alives of a pair whose times are kept."""
WINDOWS = 32, 64
"""Replay windows in use: RFC 4303 §3.4.3 demands 32 and recommends 64."""


def source(seen: Observation) -> Endpoint:
    """Return who sent it. Of a flow that an answer began the sides are the other way round."""
    return (seen.flow.client, seen.flow.server)[seen.side ^ seen.flipped]


def target(seen: Observation) -> Endpoint:
    """Return whom it was sent to."""
    return (seen.flow.server, seen.flow.client)[seen.side ^ seen.flipped]


class Attempt:
    """One IKE SA, or the attempt to have one."""

    def __init__(self, spi: str, version: int) -> None:
        self.spi, self.version = spi, version
        self.messages: list[Observation] = []
        """Observations of `IkeMessage`."""
        self.forgotten = 0
        """When the last message came that is not kept any more; 0 for none."""
        self.notifies: list[Observation] = []
        self.proposals: list[Observation] = []
        self.stages: list[Observation] = []
        self.nat: Observation | None = None
        self.vendors: dict[str, tuple[str, ...]] = {}
        """By address."""
        self.answered = False
        """Whether both sides spoke."""

    @property
    def initiator(self) -> str:
        """Who began it; empty where nothing tells."""
        for seen in self.messages:
            sender = seen.event.sender  # type: ignore[attr-defined]
            if sender:
                return (source(seen) if sender == "initiator" else target(seen)).address
        return ""

    @property
    def responder(self) -> str:
        """The other end."""
        if not self.messages:
            return ""
        seen = self.messages[0]
        ends = source(seen).address, target(seen).address
        return ends[1] if ends[0] == self.initiator else ends[0]

    def _forget(self) -> None:
        """Let the oldest exchange go that began nothing, question and answer together."""
        for seen in self.messages:
            if (oldest := _exchange(seen))[0] in _LATER:
                gone = [each for each in self.messages if _exchange(each) == oldest]
                self.messages = [each for each in self.messages if _exchange(each) != oldest]
                self.forgotten = max(self.forgotten, gone[-1].time)
                return

    def hear(self, seen: Observation) -> None:
        """Take an event of this SA."""
        event = seen.event
        if isinstance(event, IkeMessage):
            if self.messages and source(self.messages[0]).address != source(seen).address:
                self.answered = True
            if len(self.messages) >= MESSAGES:
                self._forget()
            if len(self.messages) < MESSAGES:
                self.messages.append(seen)
        elif isinstance(event, NatDetection):
            if self.nat is None or event.behind_nat != "unknown":
                self.nat = seen
        elif isinstance(event, VendorIds):
            self.vendors.setdefault(source(seen).address, event.names)
        else:
            kept = _kept(self, event)
            if kept is not None and len(kept) < TOLD:
                kept.append(seen)


_LATER = frozenset(
    {"INFORMATIONAL", "CREATE_CHILD_SA", "Informational", "Quick Mode", "Transaction (Mode Config)"}
)
"""Exchanges of a tunnel that stands: the oldest give way to new ones."""


def _exchange(seen: Observation) -> tuple[str, int]:
    event = seen.event
    assert isinstance(event, IkeMessage)
    return event.exchange, event.message_id


def _kept(attempt: Attempt, event: object) -> list[Observation] | None:
    if isinstance(event, IkeNotify):
        return attempt.notifies
    if isinstance(event, IkeProposals):
        return attempt.proposals
    if isinstance(event, IkeStage):
        return attempt.stages
    return None


@dataclass(slots=True)
class Passage:
    """A stretch of a stream between the same ports."""

    source: Endpoint
    target: Endpoint
    first: int
    first_frame: int
    last: int
    last_frame: int
    packets: int = 1


class Stream:
    """The packets of one ESP SA in the order in which they came."""

    def __init__(self, spi: str, sender: str, receiver: str, seen: Observation) -> None:
        self.spi, self.sender, self.receiver = spi, sender, receiver
        self.carrier = ""
        self.packets = self.octets = 0
        self.highest = self.lateness = 0
        """The highest number, and by how much a packet was behind it at most."""
        self.too_late = [0, 0]
        """Packets behind each of WINDOWS."""
        self.late_frame = 0
        self.figures: EspTraffic | None = None
        """The last ones that scan's decoder told."""
        self.passages: list[Passage] = []
        self.first = self.last = seen.time
        self.first_frame = self.last_frame = seen.frame
        self.sequences, self.times, self.frames = array("I"), array("q"), array("I")
        self.sizes = array("H")

    def hear(self, seen: Observation, packet: EspPacket, keep: bool) -> None:
        """Take a packet; *keep*: its number too."""
        self.carrier = packet.carrier
        self.packets += 1
        self.octets += packet.octets
        self.last, self.last_frame = seen.time, seen.frame
        behind = self.highest - packet.sequence
        if behind < 0 or not self.packets > 1:
            self.highest = packet.sequence
        elif behind < 1 << 24:
            self.lateness = max(self.lateness, behind)
            for at, window in enumerate(WINDOWS):
                self.too_late[at] += behind >= window
            if behind >= WINDOWS[0] and not self.late_frame:
                self.late_frame = seen.frame
        self._pass(seen, keep)
        if keep:
            self.sequences.append(packet.sequence)
            self.times.append(seen.time)
            self.frames.append(seen.frame & 0xFFFFFFFF)
            self.sizes.append(min(packet.octets, 0xFFFF))

    def _pass(self, seen: Observation, keep: bool) -> None:
        here, there = source(seen), target(seen)
        last = self.passages[-1] if self.passages else None
        if last is not None and last.source == here and last.target == there:
            last.last, last.last_frame = seen.time, seen.frame
            last.packets += 1
        elif last is None or (keep and len(self.passages) < PATHS):
            self.passages.append(Passage(here, there, seen.time, seen.frame, seen.time, seen.frame))


@dataclass(slots=True)
class Pair:
    """Two addresses, and what they did."""

    addresses: tuple[str, str]
    first: int
    frame: int
    last: int = 0
    attempts: dict[str, Attempt] = field(default_factory=dict)
    begun: int = 0
    """IKE SAs begun, those included that are not kept."""
    streams: dict[tuple[str, str], Stream] = field(default_factory=dict)
    """By sender and SPI."""
    keepalives: deque[Observation] = field(default_factory=lambda: deque(maxlen=SPACES))
    """The latest ones."""
    refusals: list[Observation] = field(default_factory=list)
    in_tcp: Observation | None = None
    """The first event of a TCP stream."""

    @property
    def answered(self) -> bool:
        """Whether anything was answered, or anything but beginnings came."""
        return bool(self.streams or self.keepalives) or any(
            attempt.answered for attempt in self.attempts.values()
        )


_BEGINNING = IkeMessage, EspPacket, EspTraffic, Alive
"""Packets: what is said of them later, at the end of a flow say, makes no pair and no attempt."""


class Facts:
    """What one capture, or a set of them, shows."""

    def __init__(self, between: frozenset[str] = frozenset()) -> None:
        """*between*: addresses that are asked for; none for all."""
        self.pairs: dict[tuple[str, str], Pair] = {}
        self.unseen: Counter[str] = Counter()
        self.first = self.last = 0
        self.full = 0
        """From when on packets of ESP are only counted; 0 for never."""
        self.partial = False
        """Whether key exchanges or associations of a pair were let go."""
        self._between = between
        self._packets = self._attempts = 0

    def hear(self, seen: Observation) -> None:
        """Take what scan's decoders told."""
        event = seen.event
        if isinstance(event, IcmpRefusal):
            self._refused(seen, event)
            return
        pair = self._pair(seen, begins=isinstance(event, _BEGINNING))
        if pair is None:
            return
        pair.last = max(pair.last, seen.time)
        if seen.flow.transport == "tcp" and pair.in_tcp is None:
            pair.in_tcp = seen
        if isinstance(event, EspPacket):
            self._esp(pair, seen, event)
        elif isinstance(event, EspTraffic):
            self._traffic(pair, seen, event)
        elif isinstance(event, Alive):
            pair.keepalives.append(seen)
        elif spi := getattr(event, "initiator_spi", ""):
            attempt = pair.attempts.get(spi)
            if attempt is None and isinstance(event, IkeMessage):
                attempt = self._attempt(pair, spi, event.version)
            if attempt is not None:
                attempt.hear(seen)

    # -- parts ---------------------------------------------------------------------------------

    def _pair(self, seen: Observation, *, begins: bool) -> Pair | None:
        """Return the pair of what was *seen*; *begins*: make it where it is not there yet."""
        one, other = source(seen).address, target(seen).address
        key = (one, other) if one < other else (other, one)
        found = self.pairs.get(key)
        if found is not None or not begins:
            return found
        if not self._between.issubset(key):
            return None
        if len(self.pairs) >= PAIRS and not self._make_room():
            self.unseen["pairs of gateways not followed: table full"] += 1
            return None
        made = self.pairs[key] = Pair((one, other), seen.time, seen.frame)
        return made

    def _make_room(self, spared: Pair | None = None) -> bool:
        """Let the oldest pair go in which nobody answered."""
        for key, pair in self.pairs.items():
            if pair is not spared and not pair.answered:
                self._attempts -= len(pair.attempts)
                del self.pairs[key]
                self.unseen["pairs of gateways without an answer not kept: table full"] += 1
                return True
        return False

    def _attempt(self, pair: Pair, spi: str, version: int) -> Attempt | None:
        """Make room for a key exchange, where there is any."""
        pair.begun += 1
        if len(pair.attempts) >= ATTEMPTS:
            self._forget(pair)
        elif self._attempts >= TOTAL_ATTEMPTS and not self._make_room(pair):
            self.unseen["key exchanges not followed: table full"] += 1
            return None
        self._attempts += 1
        made = pair.attempts[spi] = Attempt(spi, version)
        return made

    def _forget(self, pair: Pair) -> None:
        """Let the oldest attempt go but for the first few: one that nobody answered, if any."""
        old = list(pair.attempts)[ATTEMPTS // 4 :]
        del pair.attempts[next((each for each in old if not pair.attempts[each].answered), old[0])]
        self._attempts -= 1
        self.partial = True
        self.unseen["key exchanges not kept: table full"] += 1

    def _esp(self, pair: Pair, seen: Observation, packet: EspPacket) -> None:
        stream = self._stream(pair, seen, packet.spi)
        keep = self._packets < PACKETS
        self._packets += keep
        if not keep:
            self.full = self.full or seen.time
            self.unseen["ESP packets counted and not compared: table full"] += 1
        stream.hear(seen, packet, keep)

    def _traffic(self, pair: Pair, seen: Observation, told: EspTraffic) -> None:
        stream = self._stream(pair, seen, told.spi)
        stream.figures = told
        if told.carrier == "tcp":  # its packets are not told one by one
            stream.carrier, stream.packets, stream.octets = "tcp", told.packets, told.octets
            stream.last, stream.last_frame = seen.time, seen.frame

    def _release(self, pair: Pair) -> None:
        """Let the association go that had the fewest packets, the oldest of those."""
        least = min(pair.streams, key=lambda key: pair.streams[key].packets)
        self._packets -= len(pair.streams.pop(least).sequences)
        self.partial = True
        self.unseen["associations of ESP not kept: table full"] += 1

    def _stream(self, pair: Pair, seen: Observation, spi: str) -> Stream:
        sender, receiver = source(seen).address, target(seen).address
        found = pair.streams.get((sender, spi))
        if found is None:
            if len(pair.streams) >= STREAMS:
                self._release(pair)
            found = pair.streams[sender, spi] = Stream(spi, sender, receiver, seen)
        return found

    def _refused(self, seen: Observation, told: IcmpRefusal) -> None:
        """An error belongs to the pair whose packet it quotes, which is seen before the error."""
        ends = told.source, told.target
        pair = self.pairs.get(ends) or self.pairs.get((ends[1], ends[0]))
        if pair is not None and len(pair.refusals) < TOLD:
            pair.refusals.append(seen)
