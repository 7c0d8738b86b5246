"""What the catalogue says of a service, as types. Every fact names its sources.

The YAML files follow these types; `schema.json` is generated from them.
"""

from typing import Annotated, Literal

import msgspec

from backchannel.catalogue.risks import Kind, Matrix2002, Part, RiskId
from backchannel.grades import Severity
from backchannel.model import Capability

Works = Literal["yes", "no", "partly", "configurable", "unknown"]


class Source(Part, frozen=True, kw_only=True):
    """Where facts come from."""

    title: str
    read: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\d$")]
    """The day on which it was read for this catalogue."""
    url: str = ""
    published: str = ""
    """When it was published, as far as it says."""
    by: str = ""
    """Whose word it is, where several sources of a service have one author: these count as one."""
    copy_of: str = ""
    """Key of the source that it translates, quotes or repeats: the two count as one."""


class Fact(Part, frozen=True, kw_only=True):
    """A statement with its sources."""

    text: str
    sources: tuple[str, ...]


class Status(Part, frozen=True, kw_only=True):
    """Whether the service is run today."""

    state: Literal["alive", "closed", "revived", "declining"]
    note: str
    sources: tuple[str, ...]
    date: str = ""


class Role(Part, frozen=True, kw_only=True):
    """One kind of machine in the service: server, supernode, peer, relay."""

    role: str
    what: str


class Architecture(Part, frozen=True, kw_only=True):
    """Who talks to whom."""

    text: str
    sources: tuple[str, ...]
    roles: tuple[Role, ...] = ()


class Client(Part, frozen=True, kw_only=True):
    """A program that speaks it."""

    name: str
    note: str = ""


PackageName = Annotated[
    str, msgspec.Meta(pattern=r"^(deb|flatpak|snap|pip):[A-Za-z0-9][A-Za-z0-9.+_-]*$")
]
"""A package by the system that installs it: `deb:amule-daemon`, `flatpak:org.signal.Signal`."""


class Program(Part, frozen=True, kw_only=True):
    """A program that speaks it, as it is found on a machine's disk and among its processes."""

    name: str
    files: tuple[Annotated[str, msgspec.Meta(pattern=r"^[^/\sA-Z]+$")], ...] = ()
    """Names of its executable files, in lower case. Alone they are weak evidence."""
    packages: tuple[PackageName, ...] = ()
    """Packages that bring these files."""
    units: tuple[str, ...] = ()
    """Units of systemd that start it."""
    note: str = ""
    sources: tuple[str, ...]


class FilterRow(Part, frozen=True, kw_only=True):
    """One row of the classic packet filtering table."""

    direction: Literal["out", "in", "both"]
    """Seen from the inside network; `both` for peers that may begin from either end."""
    source: str
    """`inside`, `outside`, or a host in words."""
    destination: str
    transport: Literal["tcp", "udp", "esp", "ah"]
    source_port: str
    """A number, a range such as `1024-65535`, or `any`."""
    destination_port: str
    ack: Literal["yes", "no", "first-no", "none"]
    """TCP's ACK bit: `first-no` is set on all but the first packet; `none` for UDP and others."""
    what: str
    sources: tuple[str, ...]
    capability: Capability | None = None
    changeable: bool = False
    """Whether the user can move it to another port."""
    note: str = ""


class Proxying(Part, frozen=True, kw_only=True):
    """How the service behaves behind one kind of proxy."""

    proxy: Literal["socks4", "socks5", "http", "https", "udp-relay"]
    works: Works
    how: str
    sources: tuple[str, ...]


class Nat(Part, frozen=True, kw_only=True):
    """What address translation does to it."""

    embedded: tuple[str, ...]
    """Addresses and ports that the protocol carries in its messages."""
    fails: tuple[str, ...]
    mends: tuple[str, ...]
    """What makes it work, such as static inbound mappings."""
    sources: tuple[str, ...]


class Ability(Part, frozen=True, kw_only=True):
    """One thing people can do with it."""

    capability: Capability
    how: str
    sources: tuple[str, ...]
    ports: tuple[str, ...] = ()
    """`tcp/5190`, `udp/1024-65535`, `tcp/dynamic` ..."""
    changeable: bool = False
    direct: bool = False
    """Peer to peer, so that the peers learn each other's address."""


class Domain(Part, frozen=True, kw_only=True):
    """A host name that is the service's own; `*` stands for any labels."""

    name: str
    use: str
    sources: tuple[str, ...]


class Network(Part, frozen=True, kw_only=True):
    """A block of addresses that is the service's own."""

    prefix: str
    """`192.0.2.0/24`, `2001:db8::/32`."""
    use: str
    sources: tuple[str, ...]


class Risk(Part, frozen=True, kw_only=True):
    """One way in which the service hurts."""

    id: RiskId
    severity: Severity
    why: str
    sources: tuple[str, ...]
    seen_as: tuple[str, ...] = ()
    """Ids of the rules that show it in traffic."""


class Countermeasure(Part, frozen=True, kw_only=True):
    """What can be done, and what it misses."""

    id: str
    against: tuple[RiskId, ...]
    how: str
    misses: str
    sources: tuple[str, ...]
    cost: str = ""


class Dispute(Part, frozen=True, kw_only=True):
    """A source that is wrong or dated, and how we know."""

    says: str
    source: str
    but: str
    evidence: str


class Service(Part, frozen=True, kw_only=True):
    """One service: one YAML file, named after its id."""

    id: str
    name: str
    kind: Kind
    summary: Fact
    status: Status
    architecture: Architecture
    sources: dict[str, Source]
    protocols: tuple[str, ...] = ()
    """Decoders of ours that speak it."""
    clients: tuple[Client, ...] = ()
    programs: tuple[Program, ...] = ()
    filtering: tuple[FilterRow, ...] = ()
    proxying: tuple[Proxying, ...] = ()
    nat: Nat | None = None
    capabilities: tuple[Ability, ...] = ()
    domains: tuple[Domain, ...] = ()
    networks: tuple[Network, ...] = ()
    risks: tuple[Risk, ...] = ()
    countermeasures: tuple[Countermeasure, ...] = ()
    practice: tuple[Fact, ...] = ()
    recommendations: tuple[Fact, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    matrix2002: Matrix2002 | None = None
