"""A policy as terms for filters that see packets and remember none: routers' access lists.

A TCP segment with ACK or RST answers, or goes on; a datagram from a service's port to a client's
port is taken for an answer. That is wider than what a stateful filter lets pass: under a default of
`deny`, whoever sends from an allowed service's port reaches clients' ports of those who may use it.
A `deny` leaves clients' ports alone, from 32768 on: packets to them are answers too.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec.structs import replace

from backchannel.policy.backends import _judging
from backchannel.policy.backends._judging import Speaks
from backchannel.policy.backends._reading import Entry
from backchannel.policy.model import Carrier, Lifeline, Line, Party, Rules
from backchannel.policy.spans import Spans, merged

CLIENTS = (1024, 65_535)
Tcp = Literal["any", "answer"]


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """One pattern of packets and what happens to them."""

    line: Line | None
    """None for what is always let pass."""
    action: Literal["allow", "deny", "alert"]
    source: Party
    target: Party
    carrier: Carrier
    source_ports: Spans = ()
    """None given: any."""
    target_ports: Spans = ()
    tcp: Tcp = "any"


def terms(rules: Rules, speaks: Speaks) -> Iterator[Term]:
    """Yield the terms of *rules* in the order in which they are tried."""
    for lifeline in rules.lifelines:
        yield from _lifeline(lifeline)
    for entry in _judging.entries(rules, speaks):
        yield from _opened(entry)
        if entry.line.action != "alert":
            yield from _answered(entry)


def _lifeline(each: Lifeline) -> Iterator[Term]:
    carrier = each.ports.carrier
    made = Term(line=None, action="allow", source=each.client, target=each.server, carrier=carrier)
    yield replace(made, target_ports=each.ports.spans)
    answer: Tcp = "answer" if carrier == "tcp" else "any"
    yield replace(
        made, source=each.server, target=each.client, source_ports=each.ports.spans, tcp=answer
    )


def _opened(entry: Entry) -> Iterator[Term]:
    """Yield the packets of whoever opens."""
    yield replace(_between(entry, entry.opener, entry.called), target_ports=entry.ports)


def _answered(entry: Entry) -> Iterator[Term]:
    """Yield the packets that answer."""
    made = _between(entry, entry.called, entry.opener)
    if entry.carrier not in ("tcp", "udp"):
        yield made
        return
    ports = entry.ports
    if entry.carrier == "tcp":
        yield replace(made, source_ports=ports, target_ports=(CLIENTS,), tcp="answer")
    else:  # some speak from their own port, as IKE from 500 to 500
        own = [span for span in ports if span[0] < CLIENTS[0]]
        yield replace(made, source_ports=ports, target_ports=merged([*own, CLIENTS]))


def _between(entry: Entry, source: Party, target: Party) -> Term:
    return Term(
        line=entry.line,
        action=entry.line.action,
        source=source,
        target=target,
        carrier=entry.carrier,
    )
