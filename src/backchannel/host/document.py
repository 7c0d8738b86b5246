"""What was found on a machine, as one versioned document. Its JSON schema is generated from this.

Times are RFC 3339 in UTC. Paths are those inside the tree that was looked at. Command lines are
never part of it: they may hold passwords.
"""

from typing import Literal

import msgspec

from backchannel.catalogue.risks import RiskId
from backchannel.grades import Severity
from backchannel.host.origin import Kind
from backchannel.host.starters import Kind as StarterKind

VERSION = 1
"""Grows when a field changes its meaning or goes; new fields do not change it."""
Content = Literal["intact", "altered", "unknown"]
"""Whether a file is as its package brought it: `unknown` where there is nothing to compare with."""


class Socket(msgspec.Struct, frozen=True, kw_only=True):
    """A socket of a process."""

    transport: Literal["tcp", "udp"]
    local: str
    remote: str = ""
    """Empty where it has no partner."""
    state: str
    """`listening`, `opening`, `established`, `closing`, `closed`; `open`: UDP without partner."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A process."""

    pid: int
    user: str
    uid: int
    since: str
    unit: str = ""
    """The unit of systemd that it belongs to."""
    container: str = ""
    """`docker 0123456789ab`, for managers of containers that are known."""
    namespaces: tuple[Literal["network", "files", "users"], ...] = ()
    """What of it is apart from our own: its network, its tree of files, its user namespace. In one
    of its own a process may name any file as the one that it runs.
    """
    deleted: bool = False
    """Whether the file that it runs is gone: replaced or removed since."""
    sockets: tuple[Socket, ...] = ()


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What starts a program."""

    kind: StarterKind
    name: str
    file: str
    enabled: bool
    """Whether it does by itself: at boot, at a login, at a time."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service that a program speaks."""

    service: str
    """Catalogue id."""
    program: str
    """The program's name there."""
    confidence: Literal["name", "expected", "signature"]
    """How sure it is that it is that program; see docs/host.md."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A program's file, with what runs it. One row for each different file."""

    path: str
    services: tuple[Service, ...]
    origin: Kind
    package: str = ""
    """`deb:amule-daemon`, `flatpak:org.signal.Signal`; empty for none."""
    version: str = ""
    content: Content
    sha256: str = ""
    size: int = 0
    container: str = ""
    """The container whose file it is; `unnamed` where no manager of containers says which."""
    running: tuple[Running, ...] = ()
    started_by: tuple[Start, ...] = ()
    copy_of: str = ""
    """The installed program that has the same content, where this one lies elsewhere."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a program or its settings."""

    id: str
    severity: Severity
    category: RiskId
    service: str
    path: str
    """The program."""
    text: str
    where: str
    """The file that says so."""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    version: int = VERSION
    tool: str
    root: str
    """The tree of files that was looked at: `/` for this machine."""
    processes: int
    """How many there were."""
    programs: tuple[Program, ...]
    hints: tuple[Program, ...]
    """Files of which nothing but the name fits; none of them is a finding."""
    findings: tuple[Finding, ...]
    unseen: dict[str, int]
    """What could not be seen, and how much of it."""
