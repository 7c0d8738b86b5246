"""What the catalogue says of a service, as types. Every fact names its sources.

The YAML files follow these types; `schema.json` is generated from them.
"""

from typing import Annotated, Literal

import msgspec

from backchannel.grades import Severity
from backchannel.model import Capability

Kind = Literal[
    "instant-messaging",
    "peer-to-peer",
    "tunnel",
    "proxy",
    "voice",
    "remote-control",
    "collaboration",
]
RiskId = Literal[
    "cleartext",
    "credential-exposure",
    "file-transfer",
    "malware",
    "misconfigured-sharing",
    "address-disclosure",
    "identity-theft",
    "social-engineering",
    "known-exploit",
    "remote-control",
    "spyware",
    "message-logging",
    "bandwidth-copyright",
    "evasion",
    "nat-breakage",
    "weak-tunnel",
    "tunnel-abuse",
]
Works = Literal["yes", "no", "partly", "configurable", "unknown"]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all parts; a field that is not known is an error, not a comment."""


class Source(_Part, frozen=True, kw_only=True):
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


class Fact(_Part, frozen=True, kw_only=True):
    """A statement with its sources."""

    text: str
    sources: tuple[str, ...]


class Status(_Part, frozen=True, kw_only=True):
    """Whether the service is run today."""

    state: Literal["alive", "closed", "revived", "declining"]
    note: str
    sources: tuple[str, ...]
    date: str = ""


class Role(_Part, frozen=True, kw_only=True):
    """One kind of machine in the service: server, supernode, peer, relay."""

    role: str
    what: str


class Architecture(_Part, frozen=True, kw_only=True):
    """Who talks to whom."""

    text: str
    sources: tuple[str, ...]
    roles: tuple[Role, ...] = ()


class Client(_Part, frozen=True, kw_only=True):
    """A program that speaks it."""

    name: str
    note: str = ""


class FilterRow(_Part, frozen=True, kw_only=True):
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


class Proxying(_Part, frozen=True, kw_only=True):
    """How the service behaves behind one kind of proxy."""

    proxy: Literal["socks4", "socks5", "http", "https", "udp-relay"]
    works: Works
    how: str
    sources: tuple[str, ...]


class Nat(_Part, frozen=True, kw_only=True):
    """What address translation does to it."""

    embedded: tuple[str, ...]
    """Addresses and ports that the protocol carries in its messages."""
    fails: tuple[str, ...]
    mends: tuple[str, ...]
    """What makes it work, such as static inbound mappings."""
    sources: tuple[str, ...]


class Ability(_Part, frozen=True, kw_only=True):
    """One thing people can do with it."""

    capability: Capability
    how: str
    sources: tuple[str, ...]
    ports: tuple[str, ...] = ()
    """`tcp/5190`, `udp/1024-65535`, `tcp/dynamic` ..."""
    changeable: bool = False
    direct: bool = False
    """Peer to peer, so that the peers learn each other's address."""


class Domain(_Part, frozen=True, kw_only=True):
    """A host name that is the service's own; `*` stands for any labels."""

    name: str
    use: str
    sources: tuple[str, ...]


class Network(_Part, frozen=True, kw_only=True):
    """A block of addresses that is the service's own."""

    prefix: str
    """`192.0.2.0/24`, `2001:db8::/32`."""
    use: str
    sources: tuple[str, ...]


class Risk(_Part, frozen=True, kw_only=True):
    """One way in which the service hurts."""

    id: RiskId
    severity: Severity
    why: str
    sources: tuple[str, ...]
    seen_as: tuple[str, ...] = ()
    """Ids of the rules that show it in traffic."""


class Countermeasure(_Part, frozen=True, kw_only=True):
    """What can be done, and what it misses."""

    id: str
    against: tuple[RiskId, ...]
    how: str
    misses: str
    sources: tuple[str, ...]
    cost: str = ""


class Dispute(_Part, frozen=True, kw_only=True):
    """A source that is wrong or dated, and how we know."""

    says: str
    source: str
    but: str
    evidence: str


class Matrix2002(_Part, frozen=True, kw_only=True):
    """The service's row in the white paper's threat matrix of April 2002."""

    unencrypted: bool
    file_transfer: bool
    known_buffer_overflows: bool
    remote_control: bool
    known_worms: bool
    spyware: bool
    social_engineering: bool
    bandwidth_copyright: bool
    targeted_by_viruses: bool
    source: str


PAPER = {
    "unencrypted": "unencrypted",
    "file_transfer": "file transfer",
    "known_buffer_overflows": "known buffer overflows",
    "remote_control": "remote control",
    "known_worms": "known worms",
    "spyware": "spyware",
    "social_engineering": "social engineering",
    "bandwidth_copyright": "misuse of bandwidth, copyright",
    "targeted_by_viruses": "targeted by known viruses",
}
"""The columns of that matrix in words, in its order."""
PAPER_SOURCE = (
    "Internet Security Systems X-Force, Risk Exposure Through Instant Messaging and Peer-to-Peer "
    "Networks, April 2002, appendix"
)


class Service(_Part, frozen=True, kw_only=True):
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
