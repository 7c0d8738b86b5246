"""The loop: deliveries of the core in, observations out. The same for files and live traffic.

    delivery -> stream -> identify -> session -> events   -> observations
                                              -> effects  -> announcements, inner streams, files

What nobody claims is released in the core, which compares a few payloads more with the magics, and
costs nothing then. A decoder that raises loses its stream, never the run. All tables are bounded,
and what had to go is counted.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from backchannel.contract import PEEK_LIMIT, Output, Protocol, Reads, Session, Start
from backchannel.effects import (
    EFFECTS,
    Expect,
    Inner,
    InnerEnd,
    InnerGap,
    Open,
    Remember,
    Spoken,
    Tie,
)
from backchannel.engine.announcements import Announcement
from backchannel.engine.candidates import Candidates
from backchannel.engine.faults import FAULTS, Faults
from backchannel.engine.known import Known
from backchannel.engine.logins import Group
from backchannel.engine.names import Names
from backchannel.engine.observation import Observation
from backchannel.engine.observer import Observer, OnCount
from backchannel.engine.reach import Reach
from backchannel.engine.run import Run
from backchannel.engine.stream import NOTHING, TRIES, Moment, Stream
from backchannel.engine.stream import moment as moment_of
from backchannel.events import Transfer
from backchannel.extract.store import FileStore
from backchannel.flows.core import CLOSED, DATA, END, GAP, Delivery, FlowCore
from backchannel.model import Claim, Confidence, More, Side, Standing

SIDES = Side.CLIENT, Side.SERVER
BOTH = 3
TIDY = 65_536
"""Deliveries after which it is looked for what is over."""
ALONE = 16_384
"""Flows without an answer that are followed, of protocols of which one datagram is proof: up to
twice as many between two looks."""
REFUTED, CLAIMED, PARSED = Standing.REFUTED, Standing.CLAIMED, Standing.PARSED

StreamEnd = Callable[[Stream, int], None]
OnOutput = Callable[[Stream, Side, Output], None]


class Engine:
    """Turns deliveries into observations. One instance a run."""

    def __init__(
        self,
        core: FlowCore,
        protocols: Mapping[str, Protocol],
        *,
        service_of_name: Callable[[str], str] = lambda _: "",
        files: FileStore | None = None,
        on_end: StreamEnd = lambda _stream, _slot: None,
        on_output: OnOutput | None = None,
        on_count: OnCount = lambda _counted: None,
        everything: bool = False,
    ) -> None:
        """*protocols* stand in the order in which the core was given their numbers.
        *service_of_name* maps a host name to a catalogue id or to nothing; *on_end* is called once
        for each stream that had a claim or was inside another, when it ends, while its row can
        still be asked for;
        *on_output* for everything a session says, at once, even if its claim is not proved;
        *on_count* for events of which a session tells only the class, see `read`. *everything*:
        tell of sealed protocols even where they name no service.
        """
        self.everything = everything
        self.counters: Counter[str] = Counter()
        self._core = core
        self._faults = faults = Faults(self._count)
        self._candidates = Candidates(core, protocols, lambda name: faults.note(name, "recogniser"))
        self._on_end, self._on_output = on_end, on_output
        self._streams: list[Stream | None] = []
        """By the flow's slot in the core."""
        self._deliveries = self._now = 0
        self._alone: deque[tuple[int, int]] = deque()
        """Slots of flows that may have had no answer yet, and frames of their claims."""
        self.names = Names(service_of_name, core.expect, core.forget, self._count)
        self._observer = Observer(self.names, self._count, on_count)
        self._reach = Reach(core, protocols, self.names, files, self._count)
        self._run = Run(core, self._reach.recall)

    @property
    def read(self) -> Reads | None:
        """Says which events' content somebody reads; None: all of them."""
        return self._observer.read

    @read.setter
    def read(self, read: Reads | None) -> None:
        self._observer.attend(read)
        self._run.read = read

    def drain(self, most: int = 1, heard: list[Any] | None = None) -> list[Observation]:
        """Take what the core has to deliver, until it meant *most* observations or more; return
        these. [] when there is no more. With every packet its own are added to *heard*, too: behind
        what `on_count` and `on_end` were called with.
        """
        core, observer = self._core, self._observer
        told: list[Observation] = []
        while count := core.advance():
            for _ in range(count):
                due = core.bring()
                self._take(due.slot, due.side, due.kind, due.time, due.frame, due.payload)
            if self._deliveries > TIDY:
                self._tidy()
            if observer.has_told():
                seen = observer.take()
                told += seen
                if heard is not None:
                    heard += seen
                if len(told) >= most:
                    break
        return told

    def handle(self, batch: Sequence[Delivery]) -> list[Observation]:
        """Take what the core delivered; return what it meant."""
        for slot, way, kind, time, frame, payload in batch:
            self._take(slot, way, kind, time, frame, payload)
        if self._deliveries > TIDY:
            self._tidy()
        return self._observer.take()

    def _take(  # noqa: PLR0917 - the fields of a delivery
        self, slot: int, way: int, kind: int, time: int, frame: int, payload: bytes | int
    ) -> None:
        """Take one delivery."""
        self._deliveries += 1
        self._now = time
        streams = self._streams
        stream = streams[slot] if slot < len(streams) else None
        if stream is None:
            if kind == CLOSED:
                return
            stream = self._begin(slot, time, frame)
        if kind == DATA and (stream.decoder is not None or stream.carries is not None):
            self._carry(stream, way, payload, time, frame)  # type: ignore[arg-type]
            return
        moment = moment_of(time, frame)
        if kind in (DATA, GAP):
            self._feed(stream, SIDES[way], payload, moment)
        elif kind == END:
            self._end(stream, SIDES[way], moment)
        else:
            streams[slot] = None
            self._close(stream, moment_of(stream.last, stream.frame))  # no packet brought its end

    def _tidy(self) -> None:
        """Let what is over go, now and then."""
        self._deliveries = 0
        self._reach.announcements.expire(self._now)
        self._tell_files(self._reach.overdue(self._now))
        self._candidates.look_at_ports()  # the oldest wishes give way to new ones
        while len(self._alone) > ALONE:
            slot, frame = self._alone.popleft()
            self._forsake(slot, frame)

    def _forsake(self, slot: int, frame: int) -> None:
        """End the stream whose claim was made at *frame*, if nobody answered it: its flow's next
        packet begins another one.
        """
        stream = self._streams[slot]
        if stream is None or stream.claim_frame != frame or all(self._core.row(slot).packets):
            return
        self._streams[slot] = None
        self._close(stream, moment_of(stream.last, stream.frame))
        self._count("flows without an answer ended early: too many")

    def finish(self) -> list[Observation]:
        """End what no flow ends: inner streams and files that several flows share. What that tells
        belongs to the last packet that brought bytes of theirs.
        """
        for stream in self._reach.shared_streams():
            self._close(stream, moment_of(stream.last, stream.frame))
        self._tell_files(self._reach.finish())
        return self._observer.take()

    def _tell_files(self, ended: list[tuple[Stream, Side, Transfer]]) -> None:
        """Tell what came of files, as of the last packet that brought bytes to their streams."""
        for stream, side, transfer in ended:
            self._observer.tell(stream, moment_of(stream.last, stream.frame), side, transfer)

    def groups(self) -> list[Group]:
        """Return the logins that tied flows together."""
        return self._reach.groups()

    def stream(self, slot: int) -> Stream | None:
        """Return the stream of a flow by its slot in the core; None before its first delivery."""
        return self._streams[slot] if 0 <= slot < len(self._streams) else None

    def announced(self, token: int) -> Announcement | None:
        """Return the announcement behind a token of `FlowRow.expected`, if it still stands."""
        return self._reach.announcements.get(token)

    def live(self) -> Collection[Stream]:
        """Return the streams of all flows that are under way, none inside another."""
        return [stream for stream in self._streams if stream is not None]

    # -- streams begin and end -----------------------------------------------------------------

    def _begin(self, slot: int, now: int, frame: int) -> Stream:
        core, run = self._core, self._run
        flow = core.info(slot)
        start = Start(
            flow.transport,
            flow.client,
            flow.server,
            core.whole(slot),
            number=flow.number or 0,
            read=run.read,
            recall=run.recall,
        )
        stream = Stream(run=run, slot=slot, ends=flow, given=start, now=now, frame=frame)
        run.remember(stream)
        hits = core.hits(slot)
        if hits:  # else it is wanted for its name, port or announcement: the core looked no further
            stream.excluded = self._candidates.unmatched(hits)
        streams = self._streams
        if slot >= len(streams):
            streams.extend([None] * (slot + 1 - len(streams)))
        streams[slot] = stream
        self._reach.expected(stream, now)
        return stream

    def _end(self, stream: Stream, side: Side, moment: Moment) -> None:
        """*side* of the stream sends no more."""
        if stream.ended & 1 << side:
            return
        stream.ended |= 1 << side
        if stream.session is not None:
            self._end_session(stream, stream.session, side, moment)
        elif not stream.deaf:
            self._identify(stream, moment, last=stream.ended == BOTH)
        if stream.children:
            for child in list(stream.children.values()):
                self._end(child, SIDES[side ^ stream.flip], moment)

    def _end_session(self, stream: Stream, session: Session, side: Side, moment: Moment) -> None:
        """Tell the session of a stream that *side* sends no more."""
        spoken = SIDES[side ^ stream.flip]
        try:
            outputs = session.end(spoken)
        except Exception:  # a fault of ours must not end the run
            self._lose(stream)
            return
        self._say(stream, spoken, moment, outputs)
        if stream.thinks() is REFUTED:
            self._refuted(stream, moment)
        elif stream.is_done():
            stream.decoder = None

    def _close(self, stream: Stream, moment: Moment) -> None:
        """The stream is over."""
        if stream.slot >= 0:
            self._run.close(stream)
        for side in SIDES:
            self._end(stream, side, moment)
        for child in (stream.children or {}).values():
            self._close(child, moment)
        stream.children = None
        if stream.is_nobodys():
            self._let_go(stream)
        if stream.touched:
            for transfer in self._reach.files.close_scope(stream.scope):
                self._observer.hear(stream, moment, Side.CLIENT, transfer)
        if stream.session is None and stream.claim is None and stream.named:
            service, name = stream.named
            stream.claim = Claim("unknown", Confidence.NAME, f"{name} ({service})")
        if stream.claim is None and stream.depth:  # what went through a proxy is told of anyway
            stream.claim = Claim("unknown", Confidence.PORT)
        stream.settled = True
        if stream.claim is not None and stream.standing is not REFUTED:
            if stream.group is not None:
                stream.group.last = max(stream.group.last, stream.last)
            self._observer.release(stream)
            self._on_end(stream, stream.slot)

    # -- bytes ---------------------------------------------------------------------------------

    def _feed(self, stream: Stream, side: Side, data: bytes | int, moment: Moment) -> None:
        """Bring bytes of *side*, or the size of a gap, to whoever decodes the stream."""
        stream.last, stream.frame = moment.time, moment.frame
        if isinstance(data, bytes):
            stream.octets += len(data)
        if stream.deaf and not self._again(stream):
            return
        if stream.thinks() is not CLAIMED:
            self._decode(stream, side, data, moment)
            return
        stream.remember(side, data, moment)  # the next one may have to see it
        self._peek(stream, side, data)
        if stream.session is not None:
            self._decode(stream, side, data, moment)
        elif isinstance(data, bytes):
            if not stream.asked:
                self._identify(stream, moment)
            elif stream.exhausted(stream.answer):  # there is no more to show than last time
                self._resign(stream, moment)
        stream.trim()

    def _carry(self, stream: Stream, way: int, data: bytes, time: int, frame: int) -> None:
        """Bring bytes to the innermost stream that they belong to as they are."""
        while stream.carries is not None:
            stream.last, stream.frame = time, frame
            stream.octets += len(data)
            way ^= stream.flip
            stream = stream.carries
        if stream.decoder is not None:
            self._feed_proved(stream, way, data, time, frame)
        else:
            self._feed(stream, SIDES[way], data, moment_of(time, frame))

    def _feed_proved(self, stream: Stream, way: int, data: bytes, time: int, frame: int) -> None:
        """Bring bytes to a decoder that has proved its claim: as `_feed`, without its questions."""
        decoder = stream.decoder
        assert decoder is not None
        stream.last, stream.frame = time, frame
        stream.octets += len(data)
        side = SIDES[way ^ stream.flip]
        try:
            outputs = decoder.feed(side, data)
        except Exception:  # a fault of ours must not end the run
            self._lose(stream)
            return
        if outputs or stream.held:
            self._say(stream, side, moment_of(time, frame), outputs)
        if decoder.done or decoder.standing is not PARSED:
            self._judge(stream, moment_of(time, frame))

    def _peek(self, stream: Stream, side: Side, data: bytes | int) -> None:
        """Keep the first bytes of *side* for recognisers."""
        peeked, other = stream.peeked[side], stream.peeked[1 - side]
        if isinstance(data, int):
            stream.peeked = (b"", other) if side == 0 else (other, b"")
            stream.matched, stream.asked = 0, False
            stream.denied = 0  # who passed may think otherwise now
            stream.amid()
        elif peeked and not stream.tcp:
            if stream.answer is None:  # the datagram before was nobody's
                stream.peeked = (data, other) if side == 0 else (other, data)
                stream.matched &= ~(1 << side)
                stream.denied, stream.asked = 0, False
                stream.amid()
        elif len(peeked) < PEEK_LIMIT:
            room = PEEK_LIMIT - len(peeked)
            more = data if len(data) <= room else data[:room]
            if peeked:
                more = peeked + more
            stream.peeked = (more, other) if side == 0 else (other, more)
            stream.asked = stream.waits()

    def _identify(self, stream: Stream, moment: Moment, last: bool = False) -> None:
        answer = self._candidates.ask(stream)
        if type(answer) is Claim:
            self._claim(stream, answer, moment)
            return
        stream.asked, stream.answer = True, answer
        if last or stream.exhausted(answer):
            self._resign(stream, moment)

    def _resign(self, stream: Stream, moment: Moment) -> None:
        """Nobody has claimed the stream: those who were not asked while others waited are now."""
        answer: Claim | More | None = stream.answer
        if answer is not None:
            answer = self._candidates.ask(stream, True)
        if type(answer) is Claim:
            self._claim(stream, answer, moment)
        else:
            self._pass_over(stream)

    def _pass_over(self, stream: Stream) -> None:
        """What came of the stream so far is nobody's. What follows may be somebody's."""
        if stream.tries >= TRIES:
            self._abandon(stream)
            return
        self._shut(stream)
        if stream.slot >= 0:
            self._core.release(stream.slot)

    def _again(self, stream: Stream) -> bool:
        """Look again at a stream that was passed over: its bytes fitted a magic now, or, in a
        tunnel, where the core does not see them, they may.
        """
        if stream.tries >= TRIES:
            return False
        stream.tries += 1
        stream.anew()
        if stream.slot >= 0:
            self._core.want(stream.slot)  # of one packet, more may have come than was passed over
            stream.excluded = self._candidates.unmatched(self._core.hits(stream.slot))
        return True

    def _abandon(self, stream: Stream) -> None:
        """Nothing of the stream is wanted any more."""
        stream.tries = TRIES
        self._shut(stream)
        if stream.slot >= 0:
            self._core.drop(stream.slot)

    def _shut(self, stream: Stream) -> None:
        """Keep nothing of the stream, and show nobody what comes."""
        stream.deaf, stream.decoder, stream.carries = True, None, None
        if stream.bare and stream.session is None:
            stream.claim = stream.named = None
        stream.settle()

    def _let_go(self, stream: Stream) -> None:
        """The stream names no service: nothing is told of it."""
        stream.held = None
        stream.sit(None)
        stream.protocol = stream.claim = None
        stream.sealed = False
        self._abandon(stream)

    def _claim(self, stream: Stream, claim: Claim, moment: Moment) -> None:
        """Open the session and show it everything from the beginning."""
        protocol, expected = self._candidates.known(claim.protocol), stream.claim
        if expected is not None and expected.flipped and expected.protocol == claim.protocol:
            claim = msgspec.structs.replace(claim, flipped=True)  # as was announced
        stream.claim, stream.claim_frame, stream.protocol = claim, moment.frame, protocol
        stream.sealed = self._is_sealed(stream, protocol)
        stream.flip = int(claim.flipped)
        start = stream.beginning()
        if claim.flipped:
            start = msgspec.structs.replace(start, client=start.server, server=start.client)
        flow = stream.info()
        if not flow.begun and not stream.depth and flow.client != start.client:
            # nobody saw who opened it: the bytes know better than who spoke first
            stream.turned = not stream.turned
            stream.ends = msgspec.structs.replace(flow, client=flow.server, server=flow.client)
        stream.sit(protocol.begin(start))
        stream.reconsider()  # if it is refuted
        for step in list(stream.replay or ()):
            if stream.protocol is not protocol or stream.deaf:
                return  # refuted on the way: the next decoder was shown all of it
            data = bytes(step.data) if isinstance(step.data, bytearray) else step.data
            self._decode(stream, SIDES[step.side], data, moment_of(step.time, step.frame))
        for side in SIDES:
            if stream.ended & 1 << side and stream.session and stream.protocol is protocol:
                self._end_session(stream, stream.session, side, moment)

    def _is_sealed(self, stream: Stream, protocol: Known) -> bool:
        """Whether a stream of *protocol* is told of only if it names a service, which the core has
        not seen yet. What a tunnel carries is told of anyway, as the core gates nothing there.
        """
        if self.everything or stream.depth:
            return False
        return protocol.sealed or (
            protocol.context and not self._core.hits(stream.slot) & protocol.bit
        )

    def _decode(self, stream: Stream, side: Side, data: bytes | int, moment: Moment) -> None:
        session = stream.session
        if session is None or stream.is_done():
            return
        spoken = SIDES[side ^ stream.flip]
        try:
            if isinstance(data, bytes):
                outputs = stream.feed(spoken, data)
            else:
                outputs = session.gap(spoken, data)
        except Exception:  # a fault of ours must not end the run
            self._lose(stream)
            return
        self._say(stream, spoken, moment, outputs)
        self._judge(stream, moment)

    def _judge(self, stream: Stream, moment: Moment) -> None:
        """Act on what the session thinks of its claim now."""
        standing = stream.thinks()
        if standing is REFUTED:
            self._refuted(stream, moment)
        elif standing is PARSED and stream.is_nobodys():
            self._let_go(stream)
        elif stream.is_done():
            stream.decoder = None
            if standing is PARSED:
                stream.settle()
            if not stream.children and stream.slot >= 0:
                self._core.drop(stream.slot)
        elif standing is PARSED and not stream.deaf:
            stream.decoder = stream.typed
            if stream.peeked is not NOTHING:
                stream.settle()
                if stream.slot >= 0 and stream.protocol and stream.protocol.alone:
                    self._alone.append((stream.slot, stream.claim_frame))
                    if len(self._alone) > 2 * ALONE:
                        self._deliveries = TIDY + 1  # it is looked for them at once
                if stream.slot >= 0 and not (stream.protocol and stream.protocol.context):
                    self._core.keep(stream.slot)

    def _refuted(self, stream: Stream, moment: Moment) -> None:
        """The session gave up its claim: withdraw it, and let the next candidate try."""
        assert stream.protocol is not None
        stream.excluded |= stream.protocol.bit
        stream.held = None
        stream.decoder = None
        stream.sit(None)
        stream.protocol = stream.claim = None
        if stream.replay_size < 0:
            self._pass_over(stream)
        else:
            self._identify(stream, moment, last=stream.ended == BOTH)

    # -- what a session said -------------------------------------------------------------------

    def _say(self, stream: Stream, side: Side, moment: Moment, outputs: list[Output]) -> None:
        """Tell the events of a session, and act on its effects."""
        if self._on_output is not None:
            for output in outputs:
                self._on_output(stream, side, output)
        observer = self._observer
        if stream.held:
            observer.release_known(stream)  # what was held back came before
        events: list[Any] = outputs
        said = 0
        for at, output in enumerate(outputs):
            if isinstance(output, type) or type(output) not in EFFECTS:
                continue
            if said < at:  # what they are told of is as it was before the effect
                observer.hear_all(stream, moment, side, events[said:at])
            said = at + 1
            if type(output) is Spoken:
                side = output.side
                continue
            try:
                self._effect(stream, moment, side, output)
            except FAULTS:  # as where a decoder raises
                self._lose(stream)
                return
        if said < len(events):
            observer.hear_all(stream, moment, side, events[said:] if said else events)
        if stream.held:
            observer.release_known(stream)

    def _effect(self, stream: Stream, moment: Moment, side: Side, effect: Any) -> None:
        if type(effect) is Tie:  # the most frequent first
            self._reach.tie(stream, effect, moment)
        elif type(effect) is Expect:
            self._reach.announce(stream, effect, moment)
        elif type(effect) is Inner or type(effect) is InnerGap:
            child = self._reach.child(stream, effect)
            if child is not None:
                data = effect.data if isinstance(effect, Inner) else effect.size
                self._feed(child, effect.side, data, moment)
        elif type(effect) is Open:
            self._reach.open(stream, moment, effect)
            if effect.whole and stream.slot >= 0:  # what is inside proves itself, this never will
                self._core.keep(stream.slot)
        elif type(effect) is InnerEnd:
            self._end_inner(stream, effect, moment)
        elif type(effect) is Remember:
            self._reach.remember(effect)
        else:
            transfer = self._reach.file(stream, side, effect)
            if transfer is not None:
                self._observer.hear(stream, moment, side, transfer)

    def _end_inner(self, stream: Stream, effect: InnerEnd, moment: Moment) -> None:
        child = self._reach.child(stream, effect)
        if child is None:
            return
        if effect.side is not None:
            self._end(child, effect.side, moment)
        else:
            self._reach.forget_child(stream, effect)
            self._close(child, moment)

    # -- faults --------------------------------------------------------------------------------

    def _lose(self, stream: Stream) -> None:
        """The decoder of a stream raised: no more of it is decoded."""
        self._faults.note(stream.stack, "decoder")
        self._abandon(stream)

    def _count(self, what: str) -> None:
        self.counters[what] += 1
