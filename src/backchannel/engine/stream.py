"""One stream of bytes, of a flow or inside one, and what is known of it so far. State only."""

from collections.abc import Hashable
from typing import TYPE_CHECKING

import msgspec

from backchannel.contract import Output, Session, Start
from backchannel.decoder import Decoder
from backchannel.engine.known import Known
from backchannel.engine.logins import Group
from backchannel.engine.observation import FlowInfo, Place
from backchannel.engine.step import Step, step
from backchannel.events import Event
from backchannel.model import Claim, Confidence, Endpoint, More, Side, Standing

if TYPE_CHECKING:
    from backchannel.engine.run import Run

REPLAY_BYTES = 16_384
"""Bytes kept of a stream that nobody has proved to speak yet, to show them to the next decoder."""
REPLAY_STEPS = 256
"""Steps after which the segments of one side are glued, so that tiny ones hide nothing."""
ENOUGH = 64
"""Bytes of a stream in which recognisers found nothing, after which no more are waited for."""
TRIES = 8
"""How often a stream is looked at again whose bytes were nobody's so far."""
PATIENCE = 4
"""Datagrams or segments, where a name, an announcement or a port tells what a stream might be."""
HELD_EVENTS = 1024
"""Events kept back while a claim is unproved, because a withdrawn claim takes them with it."""
SETTLED_EVENTS = 64
"""Events kept back while it is not known which of its services a protocol carries."""

NOTHING = b"", b""
"""The first bytes of two sides of which none are kept."""

PARSED, CLAIMED = Standing.PARSED, Standing.CLAIMED
GUESSED, NAMED, SURE = Confidence.PORT, Confidence.NAME, Confidence.PARSED


class Moment:
    """The packet that brought something: its time (ns) and frame number. `moment` makes it."""

    __slots__ = ("frame", "time")
    time: int
    frame: int


def moment(time: int, frame: int) -> Moment:
    """Return the moment of a packet, without the call that `__init__` would be."""
    made = Moment.__new__(Moment)
    made.time, made.frame = time, frame
    return made


class Stream:
    """A stream under identification, then with its session; deaf when nobody wants it.

    A hundred thousand may be alive: lists and tables are made when something goes into them.
    """

    __slots__ = (
        "_group",
        "account",
        "announced",
        "answer",
        "asked",
        "bare",
        "begun",
        "candidates",
        "carrier",
        "carries",
        "children",
        "claim",
        "claim_frame",
        "considered",
        "deaf",
        "decoder",
        "denied",
        "depth",
        "ended",
        "ends",
        "excluded",
        "first",
        "flip",
        "frame",
        "given",
        "heard",
        "held",
        "holding",
        "inside",
        "last",
        "matched",
        "named",
        "octets",
        "peeked",
        "placed",
        "ported",
        "protocol",
        "replay",
        "replay_size",
        "run",
        "sealed",
        "session",
        "settled",
        "slot",
        "spot",
        "target",
        "tcp",
        "touched",
        "tries",
        "turned",
        "typed",
    )

    def __init__(
        self,
        *,
        run: "Run",
        slot: int,
        ends: FlowInfo,
        given: Start,
        now: int,
        frame: int = 0,
        carrier: str = "",
        depth: int = 0,
        target: Endpoint | None = None,
        inside: Hashable = None,
    ) -> None:
        self.run, self.slot = run, slot
        self.ends: FlowInfo | None = ends
        """Who talks with whom in its flow, while that is remembered: see `info`."""
        self.spot = -1  # where that is
        self.turned = False  # whether its bytes told that the ends are the other way round
        self.given: Start | None = given
        """What sessions are begun with, while that is remembered: see `beginning`."""
        self.begun = given.begun
        self.announced = False
        self.inside = inside
        self.carrier, self.depth, self.target = carrier, depth, target
        self.tcp = given.transport == "tcp"
        self.first = self.last = now
        self.frame = frame  # of the packet that brought its last bytes
        self.octets = 0
        self.peeked: tuple[bytes, bytes] = NOTHING
        self.replay: list[Step] | None = None
        self.replay_size = 0
        self.candidates: list[Known] | None = None
        """Whose magic fitted, the most telling first."""
        self.considered = 0  # the same as bits: `Known.bit`
        self.excluded = 0  # who is not asked though its magic fits
        self.denied = 0  # who said that the bytes are not its own
        self.holding = 0  # who asked for more before a guard lets them pass: `More.holds`
        self.heard = 0  # and of which sides they were: 1, 2, or 3 for both
        self.ported = self.placed = False  # whether protocols of its ports are among them; are any
        self.asked = False  # whether recognisers saw all that was peeked
        self.answer: More | None = None  # and what they said
        self.matched = 0  # sides whose first bytes met the magics
        self.bare = False  # announced by host alone: without a claim of its own it is nobody's
        self.deaf = False
        self.tries = 0  # how often it was looked at again
        self.flip = 0  # 1 where its session takes the sides the other way round
        self.decoder: Decoder | None = None  # its session, where that is sure and wants bytes
        self.protocol: Known | None = None
        """Whose decoder has the stream; None while nobody's has."""
        self.session: Session | None = None
        self.typed: Decoder | None = None  # the same, where it is one
        self.claim: Claim | None = None
        self.claim_frame = 0
        self.held: list[tuple[Moment, Side, Event | type[Event]]] | None = None
        self.children: dict[str, Stream] | None = None
        self.carries: Stream | None = None  # the one of them that all bytes belong to
        self.ended = 0  # sides that send no more
        self._group: Group | None = None
        self.account = ""
        self.named: tuple[str, str] | None = None  # (service, name) where a name told it
        self.settled = False  # nothing more will tell the service apart: its protocol's default
        self.sealed = False  # told of only where it names a service, which nobody saw before
        self.touched = False  # has files under way

    def sit(self, session: Session | None) -> None:
        """Let *session* decode it from now on."""
        self.session = session
        self.typed = session if isinstance(session, Decoder) else None

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Bring bytes to its session, of which there must be one."""
        if self.typed is not None:
            return self.typed.feed(side, data)
        assert self.session is not None
        return self.session.feed(side, data)

    def thinks(self) -> Standing:
        """Return what the session thinks of the claim."""
        if self.typed is not None:
            return self.typed.standing
        return self.session.standing if self.session is not None else CLAIMED

    def info(self) -> FlowInfo:
        """Return who talks with whom in its flow."""
        return self.ends if self.ends is not None else self.run.ask(self)

    @property
    def flow(self) -> FlowInfo:
        """Who talks with whom in its flow."""
        return self.info()

    @property
    def scope(self) -> Hashable:
        """What its files belong to: the flow's number, or where the stream is inside another."""
        return self.info().serial if self.inside is None else self.inside

    @property
    def start(self) -> Start:
        """What a session may know when it begins."""
        return self.beginning()

    def beginning(self) -> Start:
        """Return what a session may know when it begins."""
        if self.given is not None:
            return self.given
        return self.run.start(self)

    def parties(self) -> tuple[Endpoint, Endpoint]:
        """Return client and server as its session is told."""
        if self.given is not None:
            return self.given.client, self.given.server
        return self.run.parties(self)

    def login(self) -> Group | None:
        """Return the login that it belongs to."""
        return self._group.root() if self._group is not None else None

    @property
    def group(self) -> Group | None:
        """The login that it belongs to."""
        return self.login()

    @group.setter
    def group(self, group: Group) -> None:
        self._group = group

    @property
    def stack(self) -> str:
        """The protocols that carry it and its own, outermost first."""
        return self.carrier + self.spoken if self.carrier else self.spoken

    @property
    def spoken(self) -> str:
        """Name of its protocol: the decoder's, or what was announced, or `unknown`."""
        return self._spoken()

    def _spoken(self) -> str:
        if self.protocol is not None:
            return self.protocol.name
        return self.claim.protocol if self.claim else "unknown"

    @property
    def side_flip(self) -> bool:
        """True where the claim says that the sides are the other way round."""
        return self.claim is not None and self.claim.flipped

    @property
    def standing(self) -> Standing:
        """What the session thinks of the claim."""
        return self.thinks()

    def is_nobodys(self) -> bool:
        """Whether it is told of only if it names a service, and has not named one."""
        return self.sealed and self.named is None

    def is_done(self) -> bool:
        """Whether the session wants no more bytes."""
        if self.typed is not None:
            return self.typed.done
        return self.session is not None and self.session.done

    @property
    def confidence(self) -> Confidence:
        """How sure we are of the protocol now, or of the service where only a name tells it."""
        return self._sure()

    def _sure(self) -> Confidence:
        known = self.protocol
        if self.named and (known is None or known.context) and self.named[1]:
            return NAMED
        if self.session is not None and self.thinks() is PARSED:
            return SURE
        return self.claim.confidence if self.claim else GUESSED

    @property
    def service(self) -> str:
        """Catalogue id of the service: the session's word, its login's, or a name's."""
        return self._serves()

    def _told(self) -> str:
        """Return the service that its session names."""
        if self.typed is not None:
            return self.typed.service
        return self.session.service if self.session is not None else ""

    def _serves(self) -> str:
        known = self.protocol
        if self.session is None or known is None or known.context:
            return self.named[0] if self.named else ""
        told = self._told()
        group = self.login()
        if group is not None and group.account and told in ("", known.service):
            return group.service
        return told or (known.service if self.settled else "")

    def holds(self) -> bool:
        """Whether events wait: the claim is unproved, or withdrawn and takes them with it, or the
        service is not known yet.
        """
        if self.thinks() is not PARSED or self.is_nobodys():
            return True
        known = self.protocol
        return known is not None and not known.context and not self._serves()

    def standpoint(self) -> Place:
        """Return what every observation of it says of it now."""
        group = self.login()
        account = self.account or (group.account if group else "")
        spoken = self._spoken()
        stack = self.carrier + spoken if self.carrier else spoken
        return stack, spoken, self._serves(), self._sure(), account

    def place(self) -> Place | None:
        """Return the `standpoint`; None while events wait, as `holds` says."""
        known = self.protocol
        if self.session is None or known is None or known.context:
            return None if self.holds() else self.standpoint()
        standing = self.thinks()
        if standing is not PARSED:
            return None
        service, account = self._told(), self.account  # the usual case, at once
        group = self.login()
        if group is not None and group.account:
            if service in ("", known.service):
                service = group.service
            account = account or group.account
        elif not service and self.settled:
            service = known.service
        if not service:
            return None
        stack = self.carrier + known.name if self.carrier else known.name
        return stack, known.name, service, SURE, account

    def exhausted(self, answer: More | None) -> bool:
        """Whether waiting for more bytes is pointless, after recognisers' last *answer*."""
        client, server = self.peeked
        if self.is_full():
            return True
        if answer is not None:
            return False
        if client and server:
            return True
        enough = not self.tcp or len(client) + len(server) >= ENOUGH  # segments may be tiny
        steps = len(self.replay) if self.replay else 0
        awaited = self.named or (self.placed and not self.tcp)
        return enough and (steps >= PATIENCE or not awaited)

    def waits(self) -> bool:
        """Whether recognisers, by their last answer, want more bytes than have come."""
        if self.answer is None or not self.begun:
            return False
        client, server = self.peeked
        return len(client) < self.answer.client and len(server) < self.answer.server

    def remember(self, side: Side, data: bytes | int, moment: Moment) -> None:
        """Keep a step for a later decoder, until `trim`."""
        if self.replay_size < 0:
            return
        if self.replay is None:
            self.replay = []
        replay, size = self.replay, len(data) if isinstance(data, bytes) else 0
        crowded = self.tcp and len(replay) >= REPLAY_STEPS
        if crowded and isinstance(data, bytes):
            last = replay[-1]
            if last.side == side and isinstance(last.data, bytearray):
                last.data.extend(data)
            else:
                replay.append(step(side, bytearray(data), moment.time, moment.frame))
        else:
            replay.append(step(side, data, moment.time, moment.frame))
        self.replay_size += size

    def is_full(self) -> bool:
        """Whether more than is kept of it has come."""
        if self.replay_size < 0 or self.replay_size > REPLAY_BYTES:
            return True
        return self.replay is not None and len(self.replay) > 2 * REPLAY_STEPS

    def trim(self) -> None:
        """Keep no more than the bound: the segment that passed it has been shown to whoever is
        asked now, and the first one alone may be longer, as cards join what they receive.
        """
        if self.is_full():
            self.forget()

    def forget(self) -> None:
        """Keep no steps from now on."""
        self.replay, self.replay_size = None, -1

    def settle(self) -> None:
        """Keep nothing of the beginning: whose it is will not be asked again."""
        self.forget()
        self.peeked = NOTHING
        self.reconsider()
        self.part()

    def part(self) -> None:
        """Let go what sessions are begun with, where the core knows all that is in it."""
        if self.slot >= 0 and not self.announced:
            self.given = None

    def amid(self) -> None:
        """Take what comes now for bytes amid the stream, whose beginning was not seen."""
        if self.begun:  # else it was taken for that before
            self.given = msgspec.structs.replace(self.beginning(), begun=False)
            self.begun = False

    def anew(self) -> None:
        """Forget all that came so far: what follows may be somebody's."""
        self.amid()
        self.reconsider()
        self.peeked, self.replay, self.replay_size = NOTHING, None, 0
        self.answer, self.heard, self.excluded = None, 0, 0
        self.deaf = self.asked = False

    def consider(self, known: Known) -> None:
        """Let a protocol be asked whether the stream is its own."""
        if self.considered & known.bit:
            return
        self.considered |= known.bit
        if self.candidates is None:
            self.candidates = [known]
        else:
            self.candidates.append(known)

    def reconsider(self) -> None:
        """Forget whose the stream may be: it will be found again."""
        self.candidates, self.considered, self.denied = None, 0, 0
        self.matched, self.ported = 0, False

    def inner(self, channel: str) -> "Stream | None":
        """Return the stream inside it of that name."""
        return self.children.get(channel) if self.children is not None else None
