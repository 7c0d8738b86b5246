"""What a run found, as one versioned document. Its JSON schema is generated from these types.

Times are RFC 3339 in UTC; sizes are bytes; what came from the wire is text that was escaped.
"""

import msgspec

from backchannel.detect.model import Finding

VERSION = 1
"""Grows when a field changes its meaning or goes; new fields do not change it."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange: what was said, and what came of it."""

    hello: str
    """`greeting` where nothing was said; `tls/NAME` inside TLS."""
    time: str
    end: str
    """`answered`, `said nothing`, `closed without a word`, `reset`, `refused`, `unreachable`,
    `no answer` or `not sent`."""
    sent: int
    received: int
    first_sent: str = ""
    """The first bytes that were sent, in hexadecimal; inside TLS those before encryption."""
    first_received: str = ""
    cut: bool = False
    """Whether more was to come than is read of one answer."""
    detail: str = ""


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol that a port speaks."""

    service: str
    """Catalogue id; empty for TLS, HTTP and others that serve no one service."""
    protocol: str
    confidence: str
    """`signature` or `parsed`, as in a scan: the answer was read by the same decoder."""
    evidence: str
    tls: bool
    """Whether it is spoken inside TLS."""
    software: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    """What else the answer says, one thing each: `realm: example.org`."""


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """One port."""

    port: int
    transport: str
    state: str
    """`open`, `other protocol`, `open, says nothing`, `closed`, `no answer` (over UDP: open or
    filtered), `unreachable` or `not asked`."""
    expected: tuple[str, ...]
    """Services that the catalogue has at this port."""
    speaks: tuple[Spoken, ...] = ()
    greeting: str = ""
    """How an answer begins that no decoder of ours knows."""
    said: tuple[Said, ...] = ()
    remark: str = ""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """One host."""

    address: str
    name: str = ""
    alive: bool
    """Whether anything came from it, a refusal included."""
    complete: bool
    """False where the run was interrupted before its last port."""
    ports: tuple[Port, ...] = ()
    remarks: tuple[str, ...] = ()


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A run."""

    version: int = VERSION
    tool: str
    started: str
    ended: str
    interrupted: bool
    settings: dict[str, str]
    """What was asked for, in words: ports, rates, who allowed it."""
    totals: dict[str, int]
    """Connections, datagrams and bytes, as the sockets counted them; hosts asked and left out."""
    hosts: tuple[Host, ...]
    findings: tuple[Finding, ...]
    untold: tuple[str, ...]
    """What could not be told, and why."""
