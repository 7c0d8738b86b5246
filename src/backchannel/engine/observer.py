"""What sessions say becomes observations: events in, with their time, place and standing out.

Events of a claim that is not proved wait here, because a withdrawn claim takes them with it.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from backchannel.contract import Reads, is_read
from backchannel.engine.names import Names
from backchannel.engine.observation import FlowInfo, Observation, Place
from backchannel.engine.stream import HELD_EVENTS, SETTLED_EVENTS, Moment, Stream
from backchannel.events import Event, NameLearned, SignOn, tag_of
from backchannel.model import Endpoint, Side, Standing

PARSED = Standing.PARSED
READ = frozenset(tag_of(kind) for kind in (NameLearned, SignOn))
"""Tags of the events that tell something of their own stream."""
Counted: TypeAlias = tuple[Sequence[type[Event]], Place, FlowInfo, Endpoint | None, int]
"""Kinds of events of which no more is told, where they were seen, and when (ns)."""
OnCount: TypeAlias = Callable[[Counted], object]


class Observer:
    """Gathers the observations of a batch."""

    def __init__(self, names: Names, count: Callable[[str], None], on_count: OnCount) -> None:
        self._names, self._count, self._on_count = names, count, on_count
        self._out: list[Observation] = []
        self.read: Reads | None = None
        """Says whose content somebody reads; None: of all."""
        self._is_read: dict[type[Event], bool] = {}

    def attend(self, read: Reads | None) -> None:
        """Tell only the classes of events that, as *read* says, nobody reads."""
        self.read, self._is_read = read, {}

    def has_told(self) -> bool:
        """Say whether there is anything to `take`."""
        return bool(self._out)

    def take(self) -> list[Observation]:
        """Return what was gathered since the last call."""
        out, self._out = self._out, []
        return out

    def hear(self, stream: Stream, moment: Moment, side: Side, event: Event) -> None:
        """Tell *event*, or hold it back."""
        kind = type(event)
        if kind is NameLearned or kind is SignOn:
            self._learn(stream, moment, event)
        place = stream.place()
        if place is None:
            self._hold(stream, moment, side, event)
        else:
            self._observe(stream, moment, side, event, place)

    def hear_all(
        self, stream: Stream, moment: Moment, side: Side, events: Sequence[Event | type[Event]]
    ) -> None:
        """Tell what a session says in one breath, between two effects; or hold it back."""
        place: Place | None = None
        counted: list[type[Event]] = []
        for event in events:
            kind: Any = type(event)
            if kind is NameLearned or kind is SignOn:
                if counted and place is not None:
                    self._on_count((counted, place, stream.info(), stream.target, moment.time))
                    counted = []
                self._learn(stream, moment, event)
                place = None
            if place is None:
                place = stream.place()
                if place is None:
                    self._hold(stream, moment, side, event)
                    continue
            if isinstance(event, type):
                counted.append(event)
            elif self._reads(kind):
                self._observe(stream, moment, side, event, place)
            else:
                counted.append(kind)
        if counted:
            assert place is not None
            self._on_count((counted, place, stream.info(), stream.target, moment.time))

    def tell(self, stream: Stream, moment: Moment, side: Side, event: Event) -> None:
        """Tell *event* now, whatever the stream's standing."""
        self._observe(stream, moment, side, event, stream.standpoint())

    def release_known(self, stream: Stream) -> None:
        """Tell what was held back as soon as it is known whose it is, or has waited too long."""
        held = stream.held
        if held and stream.thinks() is PARSED:
            stream.settled = stream.settled or len(held) > SETTLED_EVENTS
            if not stream.holds():
                self.release(stream)

    def release(self, stream: Stream) -> None:
        """Tell what was held back."""
        held, stream.held = stream.held, None
        if not held:
            return
        place = stream.standpoint()
        for moment, side, event in held:
            if isinstance(event, type):
                self._on_count(([event], place, stream.info(), stream.target, moment.time))
            else:
                self._observe(stream, moment, side, event, place)

    def _learn(self, stream: Stream, moment: Moment, event: Event | type[Event]) -> None:
        """Take what an event tells of its own stream."""
        if isinstance(event, NameLearned):
            service = self._names.learn(event, moment.time)
            if service and event.how != "dns":
                stream.named = service, event.name
                self.release_known(stream)  # what waited for this came before
        elif isinstance(event, SignOn) and event.account:
            stream.account = event.account

    def _hold(self, stream: Stream, moment: Moment, side: Side, event: Event | type[Event]) -> None:
        if stream.held is None:
            stream.held = []
        if len(stream.held) < HELD_EVENTS:
            if not isinstance(event, type) and not self._reads(type(event)):
                event = type(event)
            stream.held.append((moment, side, event))
        else:
            self._count("events of unproved claims dropped")

    def _reads(self, kind: type[Event]) -> bool:
        """Say whether events of a *kind* must be told in full."""
        known = self._is_read.get(kind)
        if known is None:
            known = self._is_read[kind] = is_read(self.read, kind)
        return known

    def _observe(
        self, stream: Stream, moment: Moment, side: Side, event: Event, place: Place
    ) -> None:
        stack, spoken, service, confidence, account = place
        self._out.append(
            Observation(
                moment.time,
                moment.frame,
                stream.info(),
                stack,
                event.PROTOCOL or spoken,
                service,
                confidence,
                side,
                event,
                stream.target,
                account,
                stream.flip == 1 and (stream.info().begun or stream.depth > 0),
            )
        )
