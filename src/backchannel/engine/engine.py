"""The loop: deliveries of the core in, observations out. The same for files and live traffic.

    delivery -> stream -> identify -> session -> events   -> observations
                                              -> effects  -> announcements, inner streams, files

Every stream that nobody claims is dropped in the core and costs nothing more. A decoder that
raises loses its stream, never the run. All tables are bounded, and what had to go is counted.
"""

import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from backchannel.effects import (
    Effect,
    Expect,
    FileClose,
    FileData,
    FileOpen,
    Inner,
    InnerEnd,
    InnerGap,
    Open,
    Tie,
)
from backchannel.engine.announcements import Announcement, Announcements, normal
from backchannel.engine.bounded import Bounded
from backchannel.engine.names import Names
from backchannel.engine.observation import FlowInfo, Observation
from backchannel.engine.stream import HELD_EVENTS, Group, Moment, Stream
from backchannel.events import Event, NameLearned, SignOn, Transfer
from backchannel.extract.store import FileStore
from backchannel.flows.core import CLOSED, DATA, END, GAP, Delivery, FlowCore
from backchannel.identify.decide import PEEK_LIMIT, decide
from backchannel.identify.match import Matcher
from backchannel.model import Claim, Confidence, Endpoint, More, Side, Standing
from backchannel.protocols import Output, Peek, Protocol, Start

MAX_DEPTH = 8
"""Proxies and tunnels inside each other that are followed."""
MAX_CHANNELS = 4096
"""Inner streams of one stream."""
MAX_SHARED = 16_384
"""Inner streams that several flows carry together, and logins, and names."""

StreamEnd = Callable[[Stream, int], None]


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
    ) -> None:
        """*service_of_name* maps a host name to a catalogue id or to nothing; *on_end* is called
        once for each stream that had a claim, when it ends, while its row can still be asked for.
        """
        self.counters: Counter[str] = Counter()
        self._core, self._protocols = core, protocols
        self._matcher = Matcher(protocols)
        self._on_end = on_end
        self._files = files or FileStore(count=self._count)
        self._streams: dict[int, Stream] = {}
        self._announcements = Announcements(core.expect, core.forget, self._count)
        self._shared = Bounded[tuple[str, str], Stream](
            MAX_SHARED, "shared inner streams dropped to bound memory", self._count
        )
        self._groups = Bounded[str, Group](
            MAX_SHARED, "logins forgotten to bound memory", self._count
        )
        self._file_owner = Bounded[tuple[str, str], Stream](
            MAX_SHARED, "owners of shared files forgotten to bound memory", self._count
        )
        self._out: list[Observation] = []
        self._trace_shown = False
        self._deliveries = 0
        self.names = Names(service_of_name, core.expect, self._count)

    def handle(self, batch: Sequence[Delivery]) -> list[Observation]:
        """Take what the core delivered; return what it meant."""
        for slot, side, kind, time, frame, payload in batch:
            stream = self._streams.get(slot)
            if stream is None:
                if kind == CLOSED:
                    continue
                stream = self._begin(slot, time, payload if kind == DATA else b"")
            moment = Moment(time, frame)
            if kind == DATA:
                self._feed(stream, Side(side), payload, moment)  # type: ignore[arg-type]
            elif kind == GAP:
                self._feed(stream, Side(side), int(payload), moment)
            elif kind == END:
                self._end(stream, Side(side), moment)
            else:
                del self._streams[slot]
                self._close(stream, moment)
        self._deliveries += len(batch)
        if self._deliveries > 65_536 and batch:
            self._deliveries = 0
            self._announcements.expire(batch[-1][3])
        out, self._out = self._out, []
        return out

    def finish(self) -> list[Observation]:
        """End what no flow ends: inner streams and files that several flows share."""
        for stream in self._shared.values():
            self._close(stream, Moment(stream.last, 0))
        for (name, key), stream in self._file_owner.items():
            transfer = self._files.close(name, FileClose(key=key))
            if transfer is not None:
                self._tell(stream, Moment(stream.last, 0), Side.CLIENT, transfer)
        self._files.finish()
        out, self._out = self._out, []
        return out

    def groups(self) -> list[Group]:
        """Return the logins that tied flows together."""
        return self._groups.values()

    # -- streams begin and end -----------------------------------------------------------------

    def _begin(self, slot: int, now: int, payload: bytes | int) -> Stream:
        row = self._core.row(slot)
        flow = FlowInfo(
            row.serial,
            row.transport,
            row.client,
            row.server,
            row.community_id,
            row.vlans,
            row.tunnel,
            row.begun,
        )
        size = len(payload) if isinstance(payload, bytes) else 0
        from_start = row.begun and sum(row.payload_bytes) <= size
        start = Start(row.transport, row.client, row.server, from_start)
        stream = Stream(slot=slot, flow=flow, start=start, scope=row.serial, now=now)
        self._streams[slot] = stream
        self._expected(stream, now)
        return stream

    def _expected(self, stream: Stream, now: int) -> None:
        start = stream.start
        made = self._announcements.match(start.transport, start.client, start.server, now)
        if made is None and (named := self.names.service_at(start.server.address)):
            stream.named = named
        if made is None or made.expect.protocol not in self._protocols:
            return
        expect = made.expect
        stream.start = msgspec.structs.replace(
            start, accounts=expect.accounts, context=expect.context
        )
        stream.claim = Claim(expect.protocol, Confidence.EXPECTED, made.evidence)
        stream.named = (_expected_service(made, self._protocols), "")

    def _end(self, stream: Stream, side: Side, moment: Moment) -> None:
        """*side* of the stream sends no more."""
        if stream.ended[side]:
            return
        stream.ended[side] = True
        if stream.session is None and not stream.deaf:
            self._identify(stream, moment, last=all(stream.ended))
        if stream.session is not None:
            spoken = side.other if stream.side_flip else side
            self._take(stream, stream.session.end, spoken, moment)
        for child in list(stream.children.values()):
            self._end(child, side, moment)

    def _close(self, stream: Stream, moment: Moment) -> None:
        """The stream is over."""
        for side in Side:
            self._end(stream, side, moment)
        for child in stream.children.values():
            self._close(child, moment)
        stream.children.clear()
        if stream.touched:
            for transfer in self._files.close_scope(stream.scope):
                self._event(stream, moment, Side.CLIENT, transfer)
        if stream.session is None and stream.claim is None and stream.named:
            service, name = stream.named
            stream.claim = Claim("unknown", Confidence.NAME, f"{name} ({service})")
        if stream.claim is not None and stream.standing is not Standing.REFUTED:
            self._release(stream)
            self._on_end(stream, stream.slot)

    # -- bytes ---------------------------------------------------------------------------------

    def _feed(self, stream: Stream, side: Side, data: bytes | int, moment: Moment) -> None:
        """Bring bytes of *side*, or the size of a gap, to whoever decodes the stream."""
        stream.last = moment.time
        if isinstance(data, bytes):
            stream.octets[side] += len(data)
        if stream.deaf:
            return
        if stream.session is not None:
            if stream.standing is Standing.CLAIMED:
                stream.remember(side, data, moment)
            self._decode(stream, side, data, moment)
            return
        stream.remember(side, data, moment)
        peeked = stream.peeked[side]
        if isinstance(data, int):
            peeked.clear()
            stream.start = msgspec.structs.replace(stream.start, begun=False)
            return
        if stream.start.transport == "tcp":
            peeked += data[: PEEK_LIMIT - len(peeked)]
        elif not peeked:
            peeked += data[:PEEK_LIMIT]
        self._identify(stream, moment)

    def _identify(self, stream: Stream, moment: Moment, *, last: bool = False) -> None:
        start, (client, server) = stream.start, stream.peeked
        peek = Peek(start.transport, bytes(client), bytes(server), start.begun, start)
        candidates: dict[str, None] = {}
        expected = stream.claim
        if expected is not None:
            candidates[expected.protocol] = None
        for seen in (peek.client, peek.server):
            found = self._matcher.candidates(start.transport, seen, begun=start.begun)
            candidates.update(dict.fromkeys(found))
        wanted = [name for name in candidates if name not in stream.excluded]
        try:
            answer = decide(self._protocols, wanted, peek)
        except Exception:  # a fault of ours must not end the run
            self._fault(stream, "recogniser")
            answer = None
        if isinstance(answer, Claim):
            self._claim(stream, answer, moment)
        elif last or self._exhausted(stream, answer):
            self._abandon(stream)

    def _exhausted(self, stream: Stream, answer: More | None) -> bool:
        """Whether waiting for more bytes of an undecided stream is pointless."""
        client, server = stream.peeked
        if stream.replay_size < 0:
            return True
        if answer is not None:
            return False
        if stream.start.transport == "tcp" and not stream.named:
            return bool(client and server) or len(client) + len(server) >= 64
        return bool(client and server) or len(stream.replay) >= 4

    def _abandon(self, stream: Stream) -> None:
        stream.deaf = True
        stream.forget()
        if stream.slot >= 0:
            self._core.drop(stream.slot)

    def _claim(self, stream: Stream, claim: Claim, moment: Moment) -> None:
        """Open the session and show it everything from the beginning."""
        protocol = self._protocols[claim.protocol]
        stream.claim, stream.claim_frame, stream.protocol = claim, moment.frame, protocol
        start = stream.start
        if claim.flipped:
            start = msgspec.structs.replace(start, client=start.server, server=start.client)
        stream.session = protocol.session(start)
        steps = list(stream.replay)
        for side, data, then in steps:
            if stream.session is None or stream.deaf:
                break  # refuted on the way: the next decoder was shown all of it
            if stream.protocol is not protocol:
                break
            self._decode(stream, side, data, then)

    def _decode(self, stream: Stream, side: Side, data: bytes | int, moment: Moment) -> None:
        session = stream.session
        if session is None or session.done:
            return
        spoken = side.other if stream.side_flip else side
        if isinstance(data, bytes):
            self._take(stream, session.feed, spoken, moment, data)
        else:
            self._take(stream, session.gap, spoken, moment, data)
        if session.standing is Standing.REFUTED:
            self._refuted(stream, moment)
        elif session.done and not stream.children and stream.slot >= 0:
            self._core.drop(stream.slot)
        elif session.standing is Standing.PARSED and stream.replay_size >= 0:
            stream.forget()

    def _refuted(self, stream: Stream, moment: Moment) -> None:
        """The session gave up its claim: withdraw it, and let the next candidate try."""
        assert stream.protocol is not None
        stream.excluded.add(stream.protocol.name)
        stream.held.clear()
        stream.session = stream.protocol = stream.claim = None
        if stream.replay_size < 0:
            self._abandon(stream)
        else:
            self._identify(stream, moment, last=all(stream.ended))

    # -- what a session said -------------------------------------------------------------------

    def _take(
        self,
        stream: Stream,
        call: Callable[..., list[Output]],
        side: Side,
        moment: Moment,
        *arguments: bytes | int,
    ) -> None:
        try:
            outputs = call(side, *arguments)
        except Exception:  # a fault of ours must not end the run
            self._fault(stream, "decoder")
            self._abandon(stream)
            return
        for output in outputs:
            if isinstance(output, Event):
                self._event(stream, moment, side, output)
            else:
                self._effect(stream, moment, side, output)
        if stream.held and stream.standing is Standing.PARSED:
            self._release(stream)

    def _event(self, stream: Stream, moment: Moment, side: Side, event: Event) -> None:
        if isinstance(event, NameLearned):
            service = self.names.learn(event, moment.time)
            if service and event.how != "dns":
                stream.named = service, event.name
        elif isinstance(event, SignOn) and event.account:
            stream.account = event.account
        if stream.standing is Standing.CLAIMED:
            if len(stream.held) < HELD_EVENTS:
                stream.held.append((moment, side, event))
            else:
                self._count("events of unproved claims dropped")
            return
        self._tell(stream, moment, side, event)

    def _release(self, stream: Stream) -> None:
        held, stream.held = stream.held, []
        for moment, side, event in held:
            self._tell(stream, moment, side, event)

    def _tell(self, stream: Stream, moment: Moment, side: Side, event: Event) -> None:
        group = stream.group
        protocol = event.PROTOCOL or stream.spoken
        self._out.append(
            Observation(
                moment.time,
                moment.frame,
                stream.flow,
                stream.stack,
                protocol,
                stream.service,
                stream.confidence,
                side,
                event,
                stream.target,
                stream.account or (group.account if group else ""),
            )
        )

    def _effect(self, stream: Stream, moment: Moment, side: Side, effect: Effect) -> None:
        match effect:
            case Inner() | InnerGap():
                child = self._child(stream, effect.channel, effect.shared)
                if child is not None:
                    data = effect.data if isinstance(effect, Inner) else effect.size
                    self._feed(child, effect.side, data, moment)
            case FileOpen() | FileData() | FileClose():
                self._file(stream, moment, side, effect)
            case Open():
                self._open(stream, moment, effect)
            case InnerEnd():
                self._end_inner(stream, effect, moment)
            case Expect():
                self._announce(stream, effect, moment)
            case Tie():
                self._tie(stream, effect, moment)

    # -- inner streams -------------------------------------------------------------------------

    def _child(self, stream: Stream, channel: str, shared: bool) -> Stream | None:
        if not shared:
            return stream.children.get(channel)
        assert stream.protocol is not None
        return self._shared.get((stream.protocol.name, channel))

    def _open(self, stream: Stream, moment: Moment, effect: Open) -> None:
        assert stream.protocol is not None
        if stream.depth + 1 >= MAX_DEPTH:
            self._count("tunnels not followed: nested too deep")
            return
        if self._child(stream, effect.channel, effect.shared) is not None:
            return
        if not effect.shared and len(stream.children) >= MAX_CHANNELS:
            self._count("inner streams not followed: too many in one flow")
            return
        label = effect.label or stream.protocol.name
        target = Endpoint(effect.host, effect.port)
        client = stream.start.server if stream.side_flip else stream.start.client
        child = Stream(
            slot=-1,
            flow=stream.flow,
            start=Start(effect.transport, client, target),
            scope=(stream.scope, effect.channel),
            now=moment.time,
            carrier=f"{stream.carrier}{label}/",
            depth=stream.depth + 1,
            target=target,
        )
        self._expected(child, moment.time)
        if child.named is None and (service := self.names.service_of_name(effect.host)):
            child.named = service, effect.host
        if effect.shared:
            self._shared.put((stream.protocol.name, effect.channel), child)
        else:
            stream.children[effect.channel] = child

    def _end_inner(self, stream: Stream, effect: InnerEnd, moment: Moment) -> None:
        child = self._child(stream, effect.channel, effect.shared)
        if child is None:
            return
        if effect.side is not None:
            self._end(child, effect.side, moment)
            return
        if effect.shared:
            assert stream.protocol is not None
            self._shared.pop((stream.protocol.name, effect.channel))
        else:
            del stream.children[effect.channel]
        self._close(child, moment)

    # -- beyond one flow -----------------------------------------------------------------------

    def _announce(self, stream: Stream, expect: Expect, moment: Moment) -> None:
        address = normal(expect.address)
        if expect.address and not address:
            address = self.names.address_of(expect.address)
            if not address:
                self._count("announcements of hosts whose address was not seen")
                return
        self._announcements.add(
            expect,
            address=address,
            now=moment.time,
            frame=moment.frame,
            service=stream.service,
            stack=stream.stack,
        )

    def _tie(self, stream: Stream, tie: Tie, moment: Moment) -> None:
        group = self._groups.get(tie.key)
        if group is None:
            group = Group(tie.key, stream.service, moment.time)
            self._groups.put(tie.key, group)
        group.last = moment.time
        group.flows[stream.flow.serial] = None
        if account := tie.account or stream.account:
            group.account = account
            group.service = stream.session.service if stream.session else stream.service
        stream.group = group

    # -- files ---------------------------------------------------------------------------------

    def _file(
        self, stream: Stream, moment: Moment, side: Side, effect: FileOpen | FileData | FileClose
    ) -> None:
        assert stream.protocol is not None
        scope = stream.protocol.name if effect.shared else stream.scope
        transfer: Transfer | None = None
        if isinstance(effect, FileData):
            self._files.add(scope, effect)
        elif isinstance(effect, FileClose):
            transfer = self._files.close(scope, effect)
        else:
            if effect.shared:
                self._file_owner.put((stream.protocol.name, effect.key), stream)
            else:
                stream.touched = True
            transfer = self._files.open(scope, effect)  # of one that had to make room
        if transfer is not None and (transfer.seen or transfer.size):
            self._event(stream, moment, side, transfer)

    # -- faults --------------------------------------------------------------------------------

    def _count(self, what: str) -> None:
        self.counters[what] += 1

    def _fault(self, stream: Stream, where: str) -> None:
        """Count a fault of our own, and show the first one's trace."""
        self._count(f"faults in a {where}: {stream.stack}")
        if not self._trace_shown:
            self._trace_shown = True
            print(f"backchannel: fault in {stream.stack}, stream dropped", file=sys.stderr)
            traceback.print_exc()


def _expected_service(made: Announcement, protocols: Mapping[str, Protocol]) -> str:
    """The announcer's service, where the announced protocol has none of its own."""
    return made.service or protocols[made.expect.protocol].service
