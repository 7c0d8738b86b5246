"""Cuts conversations out of captures: one a service, capability and way, seen from one host.

The scan says which flows belong to which service and which packets carry which capability; the
packet core gives the bytes. A conversation ends with the last packet of its capability, or when
enough of it has passed, so that a proof does not play whole films.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from backchannel.capture import Damage, sources
from backchannel.catalogue import index
from backchannel.engine.observation import FlowInfo, Observation
from backchannel.events import MENTIONS, PeerAddress
from backchannel.flows.core import DATA, GAP, FlowCore
from backchannel.flows.settings import FlowSettings
from backchannel.model import Capability, Confidence
from backchannel.pipeline import Scan
from backchannel.prove import announced
from backchannel.prove.conversation import After, Conversation, Flow, Step

ENOUGH = 24 * 1024
"""Bytes of the capability after which a conversation ends."""
LARGEST = 4 << 20
"""Bytes of a conversation that is kept at all."""
MOST_FLOWS = 24
BULK = frozenset(
    {
        Capability.FILE_TRANSFER,
        Capability.FILE_SHARING,
        Capability.IMAGE,
        Capability.VOICE_VIDEO,
        Capability.APP_SHARING,
        Capability.REMOTE_ASSISTANCE,
        Capability.TUNNEL,
        Capability.WHITEBOARD,
    }
)
"""Capabilities whose content comes between their events; of the others, the events are all."""
_SHARING = frozenset({Capability.FILE_SHARING, Capability.FILE_TRANSFER, Capability.TUNNEL})
_ALIKE = {Capability.FILE_TRANSFER: _SHARING, Capability.FILE_SHARING: _SHARING}
"""Capabilities that may show on a flow without making it another's: a download from a shared folder
is both, and a rendezvous proxy is a tunnel for the file alone."""
_ONE_IDLE = FlowSettings(tcp_idle=3600, tcp_unproved_idle=3600, udp_idle=300, other_idle=300)
"""Wanted or not, a flow is the same flow: both readings of a capture number them alike."""
_PROXIES = frozenset({"socks4", "socks4a", "socks5", "http-connect"})
_FOREVER = (1 << 62) - 1
_GLUE = 1 << 16
Rank = tuple[int, ...]


class _Piece(msgspec.Struct):
    """Bytes of one side of a flow, and the frame that brought them."""

    frame: int
    side: int
    data: bytes


class _Recorded(msgspec.Struct):
    """One flow of a service: where it ran, what it said, what was seen in it."""

    info: FlowInfo
    service: str
    protocol: str
    first: int
    pieces: list[_Piece]
    uses: dict[int, set[Capability]]
    """Capabilities by frame."""
    addresses: list[tuple[int, PeerAddress]]


def cut(*paths: str | Path) -> Iterator[Conversation]:
    """Yield the best conversation of every (service, capability, way) of the captures, in order."""
    return (found for _, found in ranked(*paths))


def ranked(*paths: str | Path) -> Iterator[tuple[Rank, Conversation]]:
    """Yield what `cut` does, and beside each how good an example it is: a lower rank is better."""
    best: dict[tuple[str, str, str], tuple[Rank, Conversation]] = {}
    for path in paths:
        flows = _recorded(str(path))
        for host in sorted({end for flow in flows for end in _ends(flow)}):
            for rank, found in _of_host(flows, host, Path(path).name):
                key = found.service, str(found.capability), found.way
                if key not in best or rank < best[key][0]:
                    best[key] = rank, found
    opened = {key[:2] for key, (rank, _) in best.items() if not rank[0]}
    for key in sorted(best):
        rank, found = best[key]
        if not rank[0] or key[:2] not in opened:  # seen from where it was opened, if it was seen so
            yield rank, found


def _ends(flow: _Recorded) -> tuple[str, str]:
    return flow.info.client.address, flow.info.server.address


def _recorded(path: str) -> list[_Recorded]:
    """Read the capture twice: what it means, then its bytes."""
    seen: dict[int, list[Observation]] = defaultdict(list)
    for each in Scan(path, settings=_ONE_IDLE, summarise=False):
        below = each.stack.split("/")[:-1]
        proxied = _PROXIES.intersection(below)  # a method of proof, not of the service
        sure = each.service and each.confidence >= Confidence.EXPECTED
        if sure and not proxied and each.flow.transport != "ip":
            seen[each.flow.serial].append(each)
    flows = {serial: _meaning(told) for serial, told in seen.items()}
    for serial, first, frame, side, data in _bytes(path, flows):
        flow = flows[serial]
        flow.first = first
        if data is None:  # a hole: what comes behind it cannot be played
            flow.uses = {at: uses for at, uses in flow.uses.items() if at < frame}
            flow.pieces.append(_Piece(-1, side, b""))
        elif not flow.pieces or flow.pieces[-1].frame >= 0:
            flow.pieces.append(_Piece(frame, side, data))
    for flow in flows.values():
        flow.pieces = [piece for piece in flow.pieces if piece.frame >= 0]
    return sorted((flow for flow in flows.values() if flow.pieces), key=lambda flow: flow.first)


def _meaning(told: list[Observation]) -> _Recorded:
    service = Counter(each.service for each in told).most_common(1)[0][0]
    uses: dict[int, set[Capability]] = defaultdict(set)
    for each in told:
        mention = isinstance(each.event, MENTIONS)
        if each.service == service and each.event.capability is not None and not mention:
            uses[each.frame].add(each.event.capability)
    addresses = [(each.frame, each.event) for each in told if isinstance(each.event, PeerAddress)]
    protocol = Counter(each.protocol for each in told if each.service == service)
    most = protocol.most_common(1)[0][0]
    return _Recorded(_two_hosts(told[0].flow), service, most, 0, [], dict(uses), addresses)


def _two_hosts(info: FlowInfo) -> FlowInfo:
    """Give the server of a recording on one machine an address of its own."""
    if info.client.address != info.server.address:
        return info
    first, _, rest = info.server.address.partition(".")
    other = f"{first}.1{rest[1:]}" if rest else f"{info.server.address}1"
    server = msgspec.structs.replace(info.server, address=other)
    return msgspec.structs.replace(info, server=server)


def _bytes(
    path: str, flows: dict[int, _Recorded]
) -> Iterator[tuple[int, int, int, int, bytes | None]]:
    """Yield (flow, its first frame, frame, side, bytes or None for a hole) of the wanted flows."""
    core = FlowCore([], _ONE_IDLE)
    for serial, flow in flows.items():
        client, server = flow.info.client, flow.info.server
        core.expect(serial, flow.info.transport, "", server.port, client.address, _FOREVER)
    for source in sources([path]):
        try:
            for chunk in source.chunks():
                core.feed(chunk)
                yield from _taken(core, flows)
        except Damage:
            break
    core.finish()
    yield from _taken(core, flows)


def _taken(
    core: FlowCore, flows: dict[int, _Recorded]
) -> Iterator[tuple[int, int, int, int, bytes | None]]:
    while batch := core.take():
        for slot, side, kind, _, frame, data in batch:
            if kind not in (DATA, GAP):
                continue
            row = core.row(slot)
            if row.serial in flows and row.begun:
                yield row.serial, row.first_frame, frame, side, data if kind == DATA else None  # type: ignore[misc]


# -- one inside host ---------------------------------------------------------------------------


def _of_host(flows: list[_Recorded], host: str, name: str) -> Iterator[tuple[Rank, Conversation]]:
    """Yield (rank, conversation) for everything *host* did; a lower rank is a better example."""
    mine = [flow for flow in flows if host in _ends(flow)]
    for service in sorted({flow.service for flow in mine}):
        own = [flow for flow in mine if flow.service == service]
        for use in sorted({use for flow in own for uses in flow.uses.values() for use in uses}):
            found = _conversation(own, host, service, use, name)
            if found is not None:
                opened = sum(not flow.inbound for flow in found.flows)
                size = sum(len(step.data) for flow in found.flows for step in flow.steps)
                small = use in BULK and found.told < 256
                mixed = _mixed(own, found)
                yield (opened == 0, small, mixed, len(found.flows) - opened, size), found


def _mixed(flows: list[_Recorded], found: Conversation) -> int:
    """Return how often it shows what people send each other besides what it is about."""
    return sum(frame <= found.until for frame in _foreign(flows, found.capability))


def _conversation(
    flows: list[_Recorded], host: str, service: str, use: Capability, name: str
) -> Conversation | None:
    told = _told(flows, use)
    last = _last(flows, told, _foreign(flows, use))
    kept = [flow for flow in flows if flow.first <= last][:MOST_FLOWS]
    while kept and not told[id(kept[-1])]:  # came last, and says nothing of it
        kept.pop()
    if not kept:
        return None
    others = dict.fromkeys(end for flow in kept for end in _ends(flow) if end != host)
    hosts = tuple(others)
    moments = sorted(
        {flow.first for flow in kept} | {p.frame for flow in kept for p in flow.pieces}
    )
    made = [_flow(flow, host, hosts, told[id(flow)], last=last, moments=moments) for flow in kept]
    made = [_ordered(n, kept, made) for n in range(len(made))]
    told_of = [flow.addresses for flow in kept]
    played = announced.found(made, told_of, host, hosts)
    size = sum(len(step.data) for flow in played for step in flow.steps)
    if size > LARGEST or not any(step.told for flow in played for step in flow.steps):
        return None
    return Conversation(
        service=service,
        capability=use,
        source=name,
        inside=host,
        hosts=hosts,
        names=_names(service),
        way=_way(kept, played),
        flows=played,
        until=last,
    )


def _way(kept: list[_Recorded], flows: Iterable[Flow]) -> str:
    """Say how the capability travels: directly between peers, or by a server's port."""
    for recorded, flow in zip(kept, flows, strict=True):
        if any(step.told for step in flow.steps):
            direct = flow.announced or flow.inbound
            return f"direct {recorded.protocol}" if direct else f"{flow.transport}/{flow.port}"
    return ""


def _names(service: str) -> tuple[str, ...]:
    """Return a host name of the service that can be looked up."""
    entry = index.load().services.get(service)
    return tuple(name for name in entry.domains if "*" not in name)[:1] if entry else ()


def _told(flows: list[_Recorded], use: Capability) -> dict[int, set[int]]:
    """Return, for each flow, the frames that carry the capability.

    Where it has flows of its own (a file transfer, a direct connection), their bytes are the
    capability, and the invitations that named them are not. Otherwise it is what lies between its
    first and its last event on a flow that other capabilities share.
    """
    if use in BULK and (own := [flow for flow in flows if _dedicated(flow, flows, use)]):
        chosen = {id(flow) for flow in own}
        return {
            id(flow): {piece.frame for piece in flow.pieces} if id(flow) in chosen else set()
            for flow in flows
        }
    return {id(flow): _shared(flow, use) for flow in flows}


def _dedicated(flow: _Recorded, flows: list[_Recorded], use: Capability) -> bool:
    """Say whether the flow exists for this capability alone."""
    uses = set().union(*flow.uses.values()) if flow.uses else set()
    server = flow.info.server
    announced = any(
        event.use == use and (event.address, event.port) == (server.address, server.port)
        for other in flows
        for _, event in other.addresses
    )
    return use in uses and (announced or uses <= _ALIKE.get(use, frozenset()) | {use})


def _shared(flow: _Recorded, use: Capability) -> set[int]:
    frames = {frame for frame, uses in flow.uses.items() if use in uses}
    if not frames or use not in BULK:
        return frames
    others = {frame for frame, uses in flow.uses.items() if use not in uses}
    between = {piece.frame for piece in flow.pieces if min(frames) <= piece.frame <= max(frames)}
    return (between - others) | frames


def _foreign(flows: list[_Recorded], use: Capability) -> set[int]:
    """Return the frames that show what people send each other besides *use*."""
    apart = BULK - {use} - _ALIKE.get(use, frozenset())
    return {frame for flow in flows for frame, uses in flow.uses.items() if uses & apart}


def _last(flows: list[_Recorded], told: dict[int, set[int]], foreign: set[int]) -> int:
    """Return the frame with which the conversation ends: once something has been told, before
    anything else is sent. Who allows messages and denies files must see messages pass.
    """
    passed, last, others = 0, 0, sorted(foreign)
    pieces = sorted(
        (
            (piece.frame, len(piece.data))
            for flow in flows
            for piece in flow.pieces
            if piece.frame in told[id(flow)]
        ),
    )
    for frame, size in pieces:
        if passed and bisect_right(others, frame) > bisect_right(others, last):
            break
        passed, last = passed + size, frame
        if passed >= ENOUGH:
            break
    return last


def _flow(
    flow: _Recorded,
    host: str,
    hosts: tuple[str, ...],
    told: set[int],
    *,
    last: int,
    moments: list[int],
) -> announced.Made:
    """Return the flow up to the frame *last*; *moments* are the frames of all flows."""
    steps: list[Step] = []
    frames: list[tuple[int, int]] = []
    for piece in flow.pieces:
        if piece.frame > last:
            break
        new = Step(piece.side, piece.data, piece.frame in told)
        together = steps and flow.info.transport == "tcp" and _alike(steps[-1], new)
        if together and _next(frames[-1][1], piece.frame, moments):
            steps[-1] = Step(new.side, steps[-1].data + new.data, new.told)
            frames[-1] = frames[-1][0], piece.frame
        else:
            steps.append(new)
            frames.append((piece.frame, piece.frame))
    inbound = flow.info.server.address == host
    made = Flow(
        transport=flow.info.transport,
        host=hosts.index(flow.info.client.address if inbound else flow.info.server.address),
        inbound=inbound,
        port=flow.info.server.port,
        source=flow.info.client.port if flow.info.transport == "udp" else 0,
        steps=tuple(steps),
    )
    return announced.Made(made, frames)


def _alike(old: Step, new: Step) -> bool:
    same = old.side == new.side and old.told == new.told
    return same and len(old.data) + len(new.data) <= _GLUE


def _next(before: int, frame: int, moments: list[int]) -> bool:
    """Say whether nothing of the conversation happened between two frames."""
    return bisect_left(moments, frame) - bisect_left(moments, before) <= 1


def _ordered(number: int, kept: list[_Recorded], made: list[announced.Made]) -> announced.Made:
    """Add what must have happened in other flows before the steps of flow *number*."""
    flow, frames = made[number].flow, made[number].frames
    seen: dict[int, int] = {}
    waits = []
    for step, first in enumerate([kept[number].first, *(first for first, _ in frames[1:])]):
        for other, its in enumerate(made):
            done = bisect_left([each for _, each in its.frames], first)
            if other != number and done > seen.get(other, 0):
                seen[other] = done
                waits.append(After(step, other, done))
    return announced.Made(msgspec.structs.replace(flow, after=tuple(waits)), frames)
