"""Joins flows of the wire with the sockets of a record: which program owns either end of a flow.

A socket with a partner has the flow's Community ID. One without (it listens, or sends datagrams to
anybody) owns what comes to its port at one of this host's own addresses. Where neither was seen,
the answer is that nobody knows.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal

import msgspec

from backchannel import __version__
from backchannel.host.ledger import Held, Ledger, Program, Times
from backchannel.model import Endpoint

VERSION = 1
SLACK = 1_000_000_000
"""Nanoseconds by which the clocks of a capture and a record may differ, or a look may be late."""
FITTING, TOLD = 1024, 64
"""Sockets that may fit one end before nobody can be told; and processes that are told."""
_ANY = ("0.0.0.0", "::")  # noqa: S104 - addresses of sockets that were seen
How = Literal["connected", "listening", "bound", "unknown", "elsewhere"]


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who owns one end of a flow."""

    how: How
    """By which socket it is known: one that was `connected` as the flow is, one that was
    `listening` there, or one that was `bound` to that port; `unknown`; or `elsewhere`, where the
    address is none of this host's."""
    why: str = ""
    """Why it is unknown."""
    programs: tuple[Program, ...] = ()
    """The processes that held the socket: a parent and its children may share one."""
    more: int = 0
    """How many more there are than these."""


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One flow with what the scan said of it."""

    community_id: str
    transport: str
    client: str
    client_port: int
    server: str
    server_port: int
    first_seen: str
    last_seen: str
    begin: int
    end: int
    service: str = ""
    stack: str = ""
    confidence: str = ""
    bytes: int = 0


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """One flow with those who own its ends."""

    community_id: str
    transport: str
    client: str
    server: str
    first_seen: str
    last_seen: str
    service: str
    stack: str
    confidence: str
    bytes: int
    client_owner: Owner
    server_owner: Owner


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    version: int = VERSION
    tool: str
    record: str
    """The file that it was joined with; empty for the sockets of the moment."""
    flows: tuple[Owned, ...]
    passed_over: int
    """Flows that belong to no known service, and were not asked for."""
    unseen: dict[str, int]
    """What the record says that it could not see."""


def join(flows: Iterable[Flow], ledger: Ledger, record: str, *, everything: bool = False) -> Joined:
    """Return the flows with their owners; those of no known service only if asked for."""
    taken, passed = list[Owned](), 0
    for flow in flows:
        if flow.service or everything:
            taken.append(_owned(flow, ledger))
        else:
            passed += 1
    return Joined(
        tool=f"backchannel {__version__}",
        record=record,
        flows=tuple(taken),
        passed_over=passed,
        unseen=ledger.finished.unseen if ledger.finished else {},
    )


def _owned(flow: Flow, ledger: Ledger) -> Owned:
    return Owned(
        community_id=flow.community_id,
        transport=flow.transport,
        client=str(Endpoint(flow.client, flow.client_port)),
        server=str(Endpoint(flow.server, flow.server_port)),
        first_seen=flow.first_seen,
        last_seen=flow.last_seen,
        service=flow.service,
        stack=flow.stack,
        confidence=flow.confidence,
        bytes=flow.bytes,
        client_owner=owner(flow, flow.client, flow.client_port, ledger, opened=True),
        server_owner=owner(flow, flow.server, flow.server_port, ledger, opened=False),
    )


def owner(flow: Flow, address: str, port: int, ledger: Ledger, *, opened: bool) -> Owner:
    """Return who owns the end of *flow* at this address; *opened*: it is the one that opened it."""
    begin, end = flow.begin - SLACK, flow.end + SLACK
    exact = _some(ledger.connected(flow.community_id, Endpoint(address, port), begin, end))
    if exact:
        return _told("connected", exact, ledger)
    homes = ledger.homes(address)
    if not homes:
        return Owner(how="elsewhere")
    if not (opened and flow.transport == "tcp"):  # what listens opens nothing
        fits = (
            each
            for each in ledger.bound(flow.transport, port, begin, end)
            if each.held.network in homes and each.held.local in (address, *_ANY)
        )
        if bound := _nearest(address, _some(fits)):
            return _told("listening" if flow.transport == "tcp" else "bound", bound, ledger)
    return Owner(how="unknown", why=_why(flow, address, port, ledger))


def _some(those: Iterator[Times]) -> list[Times]:
    return list(islice(those, FITTING))


def _nearest(address: str, found: list[Times]) -> list[Times]:
    """Return those bound to the address itself; else those of its IP version; else all."""
    same = [each for each in found if each.held.local == address]
    version = [each for each in found if (":" in each.held.local) == (":" in address)]
    return same or version or found


def _told(how: How, found: list[Times], ledger: Ledger) -> Owner:
    if len({each.held.network for each in found}) > 1:
        return Owner(how="unknown", why="sockets in several networks of this host fit")
    if len(found) == FITTING:
        return Owner(how="unknown", why=f"{FITTING} sockets or more fit")
    numbers = dict.fromkeys(number for each in found for number in each.held.programs)
    programs = [ledger.programs[each] for each in numbers if each in ledger.programs]
    if not programs:
        return Owner(how="unknown", why=_hidden(found[0].held))
    return Owner(how=how, programs=tuple(programs[:TOLD]), more=max(len(programs) - TOLD, 0))


def _hidden(held: Held) -> str:
    return f"a socket of user {held.uid}, whose process could not be seen"


def _why(flow: Flow, address: str, port: int, ledger: Ledger) -> str:
    if ledger.moment:
        return "its socket is not there now"
    if (flow.community_id, address, port) in ledger.missed:
        return "its socket was gone before anybody was seen to hold it"
    if flow.end < ledger.begin - SLACK:
        return "the flow is older than the record"
    if flow.begin > ledger.end + SLACK:
        return "the flow is younger than the record"
    return "no socket of it was seen"
