"""The scan's result as one versioned document. Its JSON schema is generated from these types.

Times are RFC 3339 in UTC with microseconds; sizes are bytes; addresses are text.
"""

from typing import Literal, TypeAlias

import msgspec

from backchannel.catalogue.risks import RiskId
from backchannel.detect.model import Finding
from backchannel.grades import Severity

VERSION = 1
"""Grows when a field changes its meaning or goes; new fields do not change it."""
Behind: TypeAlias = Literal["client", "server", "both", "none", "unknown", ""]


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One capture that was read."""

    path: str
    packets: int
    bytes: int
    first_frame: int
    """Number of its first packet in this run's numbering."""
    damage: str = ""
    """What is wrong with it and where; empty where it was read to its end."""
    sha256: str = ""
    """Of the file as it lies on disk; filled where a report or an export is written."""


class PassedOver(msgspec.Struct, frozen=True, kw_only=True):
    """A file in a folder that was not read, because it is no capture."""

    path: str
    reason: str
    """What it is, such as `empty file` or `a zip archive, to be unpacked first`."""


class Hosts(msgspec.Struct, frozen=True, kw_only=True):
    """Who used a service."""

    clients: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    """As `address:port`; for streams inside a proxy, where they lead."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One service, spoken in one protocol over one stack."""

    service: str
    """Catalogue id: `aim`, `icq`, `msn`, `yahoo`, `kazaa`, `gnutella`, `ipsec`, `socks` ..."""
    protocol: str
    stack: str
    """Protocols that carry it and its own, outermost first, such as `socks5/oscar`."""
    confidence: Literal["port", "name", "expected", "signature", "parsed"]
    evidence: str
    """What the strongest claim rests on."""
    capabilities: tuple[str, ...]
    accounts: tuple[str, ...]
    hosts: Hosts
    software: tuple[str, ...] = ()
    flows: int
    packets: int
    bytes: int
    first_seen: str
    last_seen: str
    events: dict[str, int]
    """How often each kind of event was seen."""
    exposed: dict[str, int]
    """What an eavesdropper could read, with counts; see docs/privacy.md for the words."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signed on, or of whom others spoke."""

    service: str
    account: str
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Where it was used from."""
    disclosed: tuple[str, ...] = ()
    """Addresses that the protocol told others."""
    software: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    """`kind: scheme` of login secrets that were exposed; the secrets only when asked for."""
    contacts: int = 0
    sent: int = 0
    received: int = 0
    sign_ons: int = 0


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """One exposed login secret. Redacted unless asked for."""

    service: str
    account: str
    kind: str
    scheme: str
    secret: str
    salt: str = ""
    client: str
    server: str
    time: str
    frame: int


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file that was transferred."""

    service: str
    capability: str
    name: str
    size: int
    seen: int
    complete: bool
    sha256: str
    verified: bool | None
    media: str
    sender: str
    recipient: str
    client: str
    server: str
    stack: str
    time: str
    frame: int


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Flows that belong to one login or one tunnel."""

    service: str
    account: str
    flows: tuple[int, ...]
    """Serial numbers, as in events and in the flow table."""
    first_seen: str
    last_seen: str


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """An address that a protocol told somebody."""

    service: str
    account: str
    address: str
    port: int
    capability: str
    how: str
    time: str
    frame: int


class Tunnel(msgspec.Struct, frozen=True, kw_only=True):
    """One target that one client asked one proxy for, and what came of it."""

    service: str
    """`socks`, `http-proxy`, or the one whose gateway it is."""
    stack: str
    """Protocols that carry the proxy's, and its own: longer than one for a proxy behind another."""
    scheme: str
    """`socks4`, `socks4a`, `socks5`, `http-connect`, `oscar-http`, or `http` for requests with a
    whole URI."""
    commands: tuple[str, ...]
    client: str
    proxy: str
    """As `address:port`; for a proxy behind another as it was asked for."""
    accounts: tuple[str, ...] = ()
    """Who the client said it was."""
    host: str
    """As it was asked for, name or address; empty where that was not seen or is encrypted."""
    port: int
    names: tuple[str, ...] = ()
    """Other names of the target, as DNS told them, or the stream inside (SNI, Host)."""
    asked: int
    """Requests; of scheme `http` the first one of each connection."""
    granted: int
    refused: int
    answers: dict[str, int]
    """What the proxy said, with counts: reply codes by name, or HTTP status."""
    inside: tuple[str, ...] = ()
    """Stacks found inside, such as `socks5/oscar`; empty where nothing was recognised."""
    services: tuple[str, ...] = ()
    """Services found inside, by catalogue id."""
    bytes: int
    """Carried inside both ways, in tunnels that ended."""
    first_seen: str
    last_seen: str
    frame: int
    """Of the first request."""


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """ESP one way."""

    packets: int = 0
    bytes: int = 0
    missing: int = 0
    """Sequence numbers that were not seen: lost, or not captured."""
    replayed: int = 0


class Association(msgspec.Struct, frozen=True, kw_only=True):
    """IPsec between two hosts, whatever ports and keys."""

    service: str
    client: str
    """Who opened the first flow."""
    server: str
    """An address; behind a proxy, the host that was asked for."""
    versions: tuple[int, ...] = ()
    """Of IKE; none where only ESP was seen."""
    stages: dict[str, int]
    """How often key exchanges came how far; see the event `ike-stage`."""
    failure: str = ""
    """What went wrong last, as a stage and its detail; empty where a later attempt was granted, or
    the tunnel came up after that.
    """
    behind_nat: Behind = ""
    """Computed from hashes of the latest key exchange; empty where none were seen."""
    claimed: tuple[str, ...] = ()
    """Who says so by its own hash alone; see the event `nat-detection`."""
    client_ports: tuple[int, ...] = ()
    """The client's ports of ESP in UDP or TCP: several where a NAT changed its mapping."""
    spis: int = 0
    """Associations of ESP, of both directions."""
    sent: Carried
    """From the client, in flows that ended."""
    received: Carried
    keepalives: int = 0
    keepalive_seconds: float = 0.0
    """Between two of them, on average; 0 where that was not seen."""
    first_seen: str
    last_seen: str
    frame: int
    """Of what was seen first."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Two hosts that used a service between them."""

    service: str
    client: str
    server: str
    flows: int
    bytes: int


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One account writing or sending to another."""

    service: str
    sender: str
    recipient: str
    messages: int
    files: int


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """How often each service did something, over time."""

    start: str
    step: int
    """Seconds that one number stands for."""
    events: dict[str, tuple[int, ...]]
    """Service id -> events in each step from *start*."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One service and one risk."""

    category: RiskId
    state: Literal["seen", "accepted", "possible", "not-assessed", "none"]
    """`possible`: the catalogue names it for the service, and it was not seen. `accepted`: seen,
    and suppressed. `none`: neither seen nor named in the catalogue."""
    severity: Severity | None = None
    """The worst one seen, or the catalogue's where it is only possible."""
    findings: int = 0
    times: int = 0
    """How often in all the findings' rules matched."""
    possible: bool = False
    """Whether the catalogue names the risk for the service."""
    why: str = ""
    """Why it was not assessed, or what else the state rests on."""
    links: tuple[str, ...] = ()
    """Ids of findings, the first ones."""


class MatrixRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one service risks."""

    service: str
    title: str
    cells: tuple[Cell, ...]
    """In the order of the matrix's categories."""
    paper2002: dict[str, bool] | None = None
    """The service's row in the threat matrix of April 2002; None where it was not in it."""


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """Each service seen, by each risk."""

    categories: tuple[RiskId, ...] = ()
    rows: tuple[MatrixRow, ...] = ()
    limits: tuple[str, ...] = ()
    """What could not be read, so that some traffic may have been missed."""


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """All traffic of the run, claimed or not."""

    packets: int
    bytes: int
    flows: int
    first_seen: str
    last_seen: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What `backchannel scan --json` prints."""

    document: Literal["backchannel-scan"] = "backchannel-scan"
    version: int = VERSION
    tool: str
    inputs: tuple[Input, ...]
    passed_over: tuple[PassedOver, ...] = ()
    """Files in folders and globs that are no captures."""
    traffic: Traffic
    findings: tuple[Finding, ...] = ()
    """What somebody should know of, worst first."""
    suppressed: int = 0
    """Findings that were left out because somebody accepted them."""
    matrix: Matrix = Matrix()
    services: tuple[Service, ...]
    accounts: tuple[Account, ...]
    sessions: tuple[Session, ...]
    credentials: tuple[Secret, ...]
    files: tuple[File, ...]
    addresses: tuple[Address, ...]
    tunnels: tuple[Tunnel, ...] = ()
    """Where proxies led."""
    associations: tuple[Association, ...] = ()
    """IPsec between hosts."""
    pairs: tuple[Pair, ...]
    conversations: tuple[Conversation, ...]
    activity: Activity
    anomalies: dict[str, int]
    """Kind of anomaly -> how often."""
    unseen: dict[str, int]
    """Everything that could not be seen or was let go, by name, with counts."""
    settings: dict[str, str] = {}
    """How the run was made: what was asked for, and the versions of what it rests on."""
