"""Our own typed events as JSON lines (`--events`), one observation a line, keys in order.

A kind of event has the same keys each time, so it gets a struct whose fields are the keys of its
line: filling one in takes less than half of what a dictionary takes to be made and sorted.
"""

from collections.abc import Iterable
from operator import itemgetter

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import astuple

from backchannel.engine.observation import FlowInfo, Observation
from backchannel.events import Event, tag_of
from backchannel.model import Confidence, Endpoint, Side
from backchannel.privacy import Disclosure, redacted, sensitive_fields
from backchannel.text import endpoint
from backchannel.when import rfc3339

FLOWS = 1024
"""Flows whose text is remembered."""
_CONFIDENCE = {each: each.word for each in Confidence}
_SIDES = {each: each.name.lower() for each in Side}
_ENCODER = msgspec.json.Encoder(order="deterministic")
_encode, _encode_lines = _ENCODER.encode, _ENCODER.encode_lines


def line(seen: Observation, disclosure: Disclosure) -> bytes:
    """Return the observation as one line of JSON, newline included."""
    return lines((seen,), disclosure)


def lines(told: Iterable[Observation], disclosure: Disclosure) -> bytes:
    """Return observations as lines."""
    made = []
    for seen in told:
        kind = type(seen.event)
        writer = _writers.get(kind)
        if writer is None or (
            writer.disclosure is not disclosure and writer.disclosure != disclosure
        ):
            writer = _writers[kind] = _Writer(kind, disclosure)
        made.append(writer.line(seen))
    return _encode_lines(made)


class _Writer:
    """Makes the lines of one kind of event, private fields redacted."""

    def __init__(self, kind: type[Event], disclosure: Disclosure) -> None:
        self.disclosure = disclosure
        fields = kind.__struct_fields__
        own = len(_PLACE)
        where = {name: at for at, name in enumerate(_PLACE)}
        where |= {name: own + at for at, name in enumerate(fields)}  # before an observation's own
        self._tag, capability = tag_of(kind), kind.CAPABILITY
        if capability is None or "use" in fields:
            del where["capability"]
        self._word = str(capability)
        names = sorted(where)
        self._in_order = itemgetter(*[where[name] for name in names])
        self._fill_in = msgspec.defstruct("Line", names, gc=False)
        private = sensitive_fields(kind).items()
        self._hidden = [where[name] for name, matter in private if disclosure.hides(matter)]

    def line(self, seen: Observation) -> msgspec.Struct:
        """Return what the line of an observation of that kind is encoded from."""
        time, frame, flow, stack, protocol, service, confidence, side, event, target, account, _ = (
            astuple(seen)
        )
        values = [  # in the order of `_PLACE`
            rfc3339(time),
            frame,
            _flow(flow, target),
            stack,
            protocol,
            service,
            _CONFIDENCE[confidence],
            _SIDES[side],
            account,
            self._tag,
            self._word,
            *astuple(event),
        ]
        for at in self._hidden:
            if values[at]:
                values[at] = redacted(values[at])
        return self._fill_in(*self._in_order(values))


_writers = dict[type[Event], _Writer]()
"""Those of the kinds that were seen, for what was asked to be shown last."""
_PLACE = (
    "time",
    "frame",
    "flow",
    "stack",
    "protocol",
    "service",
    "confidence",
    "side",
    "account",
    "event",
    "capability",
)
"""What stands in a line beside the event's own fields, in the order of `_Writer.line`."""


class _Ends(msgspec.Struct, gc=False):
    """A flow's identity, in the order of the keys; what is UNSET does not stand in it."""

    client: str
    community_id: str
    serial: int
    server: str
    target: str | UnsetType
    transport: str
    tunnel: str | UnsetType
    vlans: tuple[int, ...] | UnsetType


_flows = dict[int, tuple[FlowInfo, Endpoint | None, msgspec.Raw]]()
"""The text of the last flows, by serial."""


def _flow(info: FlowInfo, target: Endpoint | None) -> msgspec.Raw:
    """Return a flow's identity, encoded."""
    known = _flows.get(info.serial)
    if known is not None:
        flow, where, text = known
        if (flow is info or flow == info) and (where is target or where == target):
            return text
    one, other = info.client, info.server
    told = _Ends(
        endpoint(one.address, one.port),
        info.community_id,
        info.serial,
        endpoint(other.address, other.port),
        UNSET if target is None else endpoint(target.address, target.port),
        info.transport,
        info.tunnel or UNSET,
        info.vlans or UNSET,
    )
    if len(_flows) >= FLOWS:
        _flows.clear()
    made = msgspec.Raw(_encode(told))
    _flows[info.serial] = info, target, made
    return made
