"""What can be set for a watch, as types: one struct a table of the TOML file.

Descriptions stand in the types, and docs/configuration.md is generated from them. `configfile`
reads and checks files, and says file and line of what is wrong.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from backchannel.flows.settings import FlowSettings
from backchannel.grades import Mode, Severity
from backchannel.live.units import Duration, Size

T = TypeVar("T")


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all tables: nothing unknown is accepted."""


def about(text: str) -> Meta:
    """Return what a setting means, for people."""
    return Meta(description=text)


def fits(pattern: str, wanted: str) -> Meta:
    """Return what a text must look like: a regular expression, and what to tell a person."""
    return Meta(pattern=pattern, extra={"wanted": wanted})


class Capture(Table, frozen=True, kw_only=True):
    """Where packets come from."""

    interfaces: Annotated[
        tuple[str, ...], about("Interfaces to watch; `any` alone for all of them.")
    ] = ()
    filter: Annotated[
        str,
        about("Keep only packets that this expression fits, as in tcpdump; needs tcpdump."),
    ] = ""
    promiscuous: Annotated[
        bool, about("Ask the network card for packets that are not for this machine.")
    ] = False
    snaplen: Annotated[int, Meta(ge=64, le=262_144), about("Bytes kept of a packet.")] = 262_144
    workers: Annotated[
        int,
        Meta(ge=1, le=64),
        about("Parsing processes; the kernel gives each its share of the flows."),
    ] = 1
    ring: Annotated[Size, about("Memory for packets that wait, for each interface and worker.")] = (
        Size(64 << 20)
    )


class Decode(Table, frozen=True, kw_only=True):
    """What is decoded, and what may be shown."""

    everything: Annotated[
        bool,
        about("Decode DNS, TLS, QUIC and plain web traffic too, not only what concerns a service."),
    ] = False
    secrets: Annotated[
        bool, about("Show passwords, hashes and tokens instead of redacting them.")
    ] = False
    content: Annotated[
        bool, about("Show the text of messages and profiles instead of redacting it.")
    ] = False


class Findings(Table, frozen=True, kw_only=True):
    """What is looked for."""

    rules: Annotated[
        tuple[Path, ...], about("Folders with your own rules, in addition to the built-in ones.")
    ] = ()
    suppress: Annotated[Path | None, about("A file of findings that are accepted.")] = None
    repeat: Annotated[
        Duration,
        Meta(extra={"least": 1}),
        about("A finding that continues is reported again after this time."),
    ] = Duration(3600)
    forget: Annotated[
        Duration,
        Meta(extra={"least": 60}),
        about("A finding that was not seen for this time is new when it is seen again."),
    ] = Duration(86_400)


class Output(Table, frozen=True, kw_only=True):
    """Files that are written. Names stay; what was before is renamed `NAME.1`, `NAME.2` ..."""

    events: Annotated[Path | None, about("Our own typed events as JSON lines.")] = None
    eve: Annotated[Path | None, about("EVE JSON lines, as Suricata's collectors read them.")] = None
    flows: Annotated[
        Path | None,
        about("Every flow as a row of a Parquet file; whole when it is rotated, or at the end."),
    ] = None
    findings: Annotated[Path | None, about("Findings as JSON lines.")] = None
    rotate_size: Annotated[
        Size, Meta(extra={"least": 4096}), about("A file is rotated when it reaches this size.")
    ] = Size(100_000_000)
    rotate_every: Annotated[
        Duration | None, about("A file is rotated when it reaches this age; by default never.")
    ] = None
    keep: Annotated[int, Meta(ge=1, le=9999), about("How many rotated files of each are kept.")] = (
        10
    )
    report: Annotated[Path | None, about("A self-contained HTML report, written at the end.")] = (
        None
    )
    report_every: Annotated[
        Duration | None,
        Meta(extra={"least": 10}),
        about("Write a report for each period of this length; `NAME-TIME.html`."),
    ] = None


class Evidence(Table, frozen=True, kw_only=True):
    """Packets kept on disk, so that the conversation of a finding can be cut out."""

    ring: Annotated[Path | None, about("Folder for the newest packets of all interfaces.")] = None
    ring_size: Annotated[
        Size,
        Meta(extra={"least": 1 << 20}),
        about("Bytes of packets kept in it; the oldest go first."),
    ] = Size(1_000_000_000)
    folder: Annotated[
        Path | None, about("Folder for one pcap per finding, cut from the ring; needs `ring`.")
    ] = None
    wait: Annotated[
        Duration,
        about("How long to wait after a finding before its conversation is cut out."),
    ] = Duration(10)


Least: TypeAlias = Annotated[Severity, about("Only findings of this severity or worse are sent.")]


Name: TypeAlias = Annotated[
    str,
    fits("^[A-Za-z0-9_-]{1,64}$", "write up to 64 letters, digits, - and _"),
    about("What to call it."),
]


class Syslog(Table, frozen=True, kw_only=True):
    """A syslog server (RFC 5424)."""

    name: Name = "syslog"
    address: Annotated[str, about("Host and port: `log.example.net:6514`.")]
    transport: Annotated[
        Literal["udp", "tcp", "tls"],
        about("UDP (RFC 5426), TCP with octet counting (RFC 6587), TLS (RFC 5425)."),
    ] = "udp"
    ca: Annotated[Path | None, about("Certificates to trust, PEM; by default the system's.")] = None
    certificate: Annotated[Path | None, about("Our own certificate and key, PEM.")] = None
    least: Least = "info"


class Webhook(Table, frozen=True, kw_only=True):
    """A web server that takes a JSON document by POST for each finding."""

    name: Name = "webhook"
    url: Annotated[
        str,
        fits("^https?://", "write for example https://chat.example.net/hook"),
        about("Where to send it."),
    ]
    authorization: Annotated[
        Path | None, about("A file with the value of the header Authorization.")
    ] = None
    ca: Annotated[Path | None, about("Certificates to trust, PEM; by default the system's.")] = None
    least: Least = "info"


class Nats(Table, frozen=True, kw_only=True):
    """A NATS server; the message id is in the header Nats-Msg-Id, as JetStream reads it."""

    name: Name = "nats"
    url: Annotated[
        str,
        fits("^(nats|tls)://", "write for example nats://bus.example.net:4222"),
        about("`nats://host:4222` or `tls://`."),
    ]
    subject: Annotated[
        str,
        fits(
            r"^[^\s.*>]+(\.[^\s.*>]+)*$",
            "write words with dots between them, without spaces, * and >",
        ),
        about("Subject; the severity is added as its last token."),
    ] = "backchannel.findings"
    credentials: Annotated[
        Path | None, about("A file with `user:password`, or with a token alone.")
    ] = None
    ca: Annotated[Path | None, about("Certificates to trust, PEM; by default the system's.")] = None
    least: Least = "info"


class Alerts(Table, frozen=True, kw_only=True):
    """Where findings are sent. What cannot be sent now waits on disk."""

    spool: Annotated[
        Path,
        about("File that holds what has not been delivered yet; survives restarts."),
    ] = Path("/var/lib/backchannel/alerts.sqlite")
    spool_limit: Annotated[
        int,
        Meta(ge=1),
        about("Alerts that wait for one receiver; the oldest go first, and are counted."),
    ] = 100_000
    syslog: Annotated[tuple[Syslog, ...], about("Syslog servers.")] = ()
    webhook: Annotated[tuple[Webhook, ...], about("Web servers.")] = ()
    nats: Annotated[tuple[Nats, ...], about("NATS servers.")] = ()

    @property
    def receivers(self) -> tuple[Syslog | Webhook | Nats, ...]:
        """All of them."""
        return (*self.syslog, *self.webhook, *self.nats)


class Metrics(Table, frozen=True, kw_only=True):
    """Figures for Prometheus."""

    listen: Annotated[
        str, about("Address and port to serve them on, `127.0.0.1:9469`; empty: nowhere.")
    ] = ""


class Prevent(Table, frozen=True, kw_only=True):
    """Resets and ICMP for what a policy refuses, sent from beside the wire."""

    policy: Annotated[
        Path | None, about("The policy; without one nothing is answered. See docs/prevent.md.")
    ] = None
    mode: Annotated[Mode | None, about("Go no further than this, whatever the policy says.")] = None
    via: Annotated[
        str,
        about("Interface to put frames into, Ethernet; empty: packets go by the kernel's routes."),
    ] = ""
    rate: Annotated[
        int, Meta(ge=1, le=100_000), about("Packets sent in a second at most, in all.")
    ] = 1000
    attempts: Annotated[
        int,
        Meta(ge=1, le=12),
        about("Times that the ends of one connection are told while it goes on."),
    ] = 8
    unreachable: Annotated[
        Literal["port", "forbidden"],
        about("What senders of UDP are told: port unreachable, or administratively prohibited."),
    ] = "port"


class Guard(Table, frozen=True, kw_only=True):
    """What `backchannel guard` does. Receivers stand in `[alerts]`, rotation in `[output]`."""

    policy: Annotated[Path | None, about("The policy to enforce. See docs/guard.md.")] = None
    at: Annotated[
        Literal["router", "host", "both"],
        about("What is guarded: forwarded packets, the host's own, or all."),
    ] = "router"
    mode: Annotated[Mode | None, about("Go no further than this, whatever the policy says.")] = None
    catalogue: Annotated[tuple[Path, ...], about("Folders with your own service files.")] = ()
    log: Annotated[
        Path | None, about("A JSON line for each refusal, and for each use that is only reported.")
    ] = None
    report: Annotated[Path | None, about("What was done, as JSON, written at the end.")] = None
    evidence: Annotated[
        Path | None,
        about("Folder for a pcap a refusal: what the guard has seen of its conversation."),
    ] = None
    evidence_size: Annotated[
        Size,
        Meta(extra={"least": 1 << 20}),
        about("Bytes of evidence kept in it; the oldest go first."),
    ] = Size(1_000_000_000)
    evidence_memory: Annotated[
        Size,
        Meta(extra={"least": 1 << 20}),
        about("Memory for the newest packets, from which evidence is cut."),
    ] = Size(32 << 20)
    spool: Annotated[
        Path, about("File that holds alerts which are not delivered yet; survives restarts.")
    ] = Path("/var/lib/backchannel-guard/alerts.sqlite")
    metrics: Annotated[
        str,
        about("Address and port for Prometheus, `127.0.0.1:9470`; empty: nowhere."),
    ] = ""
    control: Annotated[
        Path | None, about("The control socket of `guard status` and `guard reload`.")
    ] = Path("/run/backchannel/guard.sock")
    queue: Annotated[
        int,
        Meta(ge=0, le=65_533),
        about("Number of the kernel's queue; the next one is for rules that fail closed."),
    ] = 0
    queue_length: Annotated[
        int, Meta(ge=1, le=1 << 20), about("Packets that may wait in the kernel, in each queue.")
    ] = 4096
    mark_bit: Annotated[
        int, Meta(ge=0, le=28), about("First of the four bits of marks that are the guard's.")
    ] = 26


class Config(Table, frozen=True, kw_only=True):
    """Everything."""

    capture: Capture = Capture()
    decode: Decode = Decode()
    flows: FlowSettings = FlowSettings()
    findings: Findings = Findings()
    output: Output = Output()
    evidence: Evidence = Evidence()
    alerts: Alerts = Alerts()
    metrics: Metrics = Metrics()
    prevent: Prevent = Prevent()
    guard: Guard = Guard()
