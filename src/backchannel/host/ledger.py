"""A record of sockets and whose they were: JSON lines, one kind of line for each struct here.

Times are RFC 3339 in UTC with microseconds. Lines stand in the order in which things were noticed,
but that of a program may follow the first socket that names it.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from backchannel.errors import InputError, reason
from backchannel.flows.community import flow_id
from backchannel.host.document import Content
from backchannel.host.spans import Spans
from backchannel.model import Endpoint

VERSION = 1
LINE = 1 << 20
"""Bytes of a line at most."""


class Began(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="began"):
    """The first line."""

    version: int = VERSION
    tool: str
    time: str
    interval: float
    """Seconds between regular looks."""
    openings: bool
    """Whether openings of TCP connections are looked at as they happen."""


class Network(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="network"):
    """A network namespace, when it is first seen and when it gets addresses."""

    network: str
    time: str
    addresses: tuple[str, ...]
    """Those that no earlier line has."""


Apart = Literal["files", "users"]


class Program(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="program"):
    """A process that held a socket."""

    program: int
    """Its number in this record."""
    pid: int
    since: str
    user: str
    uid: int
    path: str
    """Empty where we might not see it."""
    sha256: str = ""
    package: str = ""
    version: str = ""
    content: Content = "unknown"
    """Whether the file is as that package brought it."""
    unit: str = ""
    """The unit of systemd; below `user@UID.service/`, as that user calls it."""
    container: str = ""
    apart: tuple[Apart, ...] = ()
    """What of it is not this machine's. `files`: it has its own tree of files, so path and package
    are whatever that tree says. `users`: it has its own user namespace, in which a process may name
    another file as the one that it runs (PR_SET_MM_EXE_FILE, prctl(2)).
    """


class Held(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="held"):
    """A socket, and the processes that hold it."""

    socket: int
    """Its number in this record."""
    network: str
    transport: str
    local: str
    local_port: int
    remote: str = ""
    """Empty where it has no partner."""
    remote_port: int = 0
    state: str
    community_id: str = ""
    time: str
    """When it was first seen."""
    uid: int
    programs: tuple[int, ...]
    """Empty where nobody was found to hold it."""


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="ended"):
    """The end of a socket that was held."""

    socket: int
    time: str


class Missed(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="missed"):
    """A socket that was over before anybody was seen to hold it."""

    network: str
    transport: str
    local: str
    local_port: int
    remote: str = ""
    remote_port: int = 0
    community_id: str = ""
    time: str


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="finished"):
    """The last line, where the record was not broken off."""

    time: str
    held: int
    missed: int
    unseen: dict[str, int]
    """What could not be seen, and how often."""


Line: TypeAlias = Began | Network | Program | Held | Ended | Missed | Finished


class Times(msgspec.Struct):
    """A socket and how long it was held, in nanoseconds since 1970."""

    held: Held
    begin: int
    end: int


class Ledger:
    """A record that was read."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.programs = dict[int, Program]()
        self._homes = dict[str, set[str]]()
        self.missed = dict[tuple[str, str, int], Missed]()
        """One socket that was missed, by Community ID and its own end."""
        self.begin = self.end = 0
        self.moment = False
        """Whether it is of one moment, and not kept over time."""
        self.finished: Finished | None = None
        self._open = dict[int, Times]()
        self._held = dict[tuple[str | int, ...], list[Times]]()
        for line in lines:
            self._add(line)
        for times in self._open.values():
            times.end = self.end
        self._spans = dict[tuple[str | int, ...], Spans[Times]]()
        """Of what was asked for."""

    def homes(self, address: str) -> set[str]:
        """Return the networks that have this address."""
        found = self._homes.get(address, set())
        return found | self._homes.get("127.0.0.1", set()) if address[:4] == "127." else found

    def connected(self, flow: str, local: Endpoint, begin: int, end: int) -> Iterator[Times]:
        """Yield the sockets with that partner, by Community ID, that were held in this time."""
        return self._meeting((flow, local.address, local.port), begin, end)

    def bound(self, transport: str, port: int, begin: int, end: int) -> Iterator[Times]:
        """Yield the sockets without one at a port that were held in this time."""
        return self._meeting((transport, port), begin, end)

    def _meeting(self, key: tuple[str | int, ...], begin: int, end: int) -> Iterator[Times]:
        if key not in self._spans and key in self._held:
            self._spans[key] = Spans(self._held[key])
        return self._spans[key].meeting(begin, end) if key in self._spans else iter(())

    def _add(self, line: Line) -> None:
        match line:
            case Began():
                self.begin, self.moment = nanoseconds(line.time), not line.interval
                self._tell(line.time)
            case Network():
                for address in line.addresses:
                    self._homes.setdefault(address, set()).add(line.network)
                self._tell(line.time)
            case Program():
                self.programs[line.program] = line
            case Held():
                self._hold(line)
            case Ended():
                if times := self._open.pop(line.socket, None):
                    times.end = nanoseconds(line.time)
                self._tell(line.time)
            case Missed():
                self.missed[line.community_id, line.local, line.local_port] = line
                self._tell(line.time)
            case Finished():
                self.finished = line
                self._tell(line.time)

    def _tell(self, time: str) -> None:
        self.end = max(self.end, nanoseconds(time))

    def _hold(self, line: Held) -> None:
        times = Times(line, nanoseconds(line.time), 0)
        self._open[line.socket] = times
        key: tuple[str | int, ...] = line.transport, line.local_port
        if line.remote:
            key = line.community_id, line.local, line.local_port
        self._held.setdefault(key, []).append(times)
        self._tell(line.time)


def read(path: Path) -> Ledger:
    """Read a record; one that was broken off is read to its last whole line.

    Raises InputError, with the number of the line, where it is none.
    """
    decoder = msgspec.json.Decoder(Line)
    lines = list[Line]()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LINE), b""), 1):
                if len(line) == LINE:
                    raise InputError(path, f"is longer than {LINE:,} bytes", f"line {number}")
                if not line.endswith(b"\n"):
                    break  # it is being written, or the disk was full
                try:
                    lines.append(decoder.decode(line))
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    raise InputError(path, str(error), f"line {number}") from error
    except OSError as error:
        raise InputError(path, reason(error)) from error
    if not lines or not isinstance(lines[0], Began):
        raise InputError(path, "is no record of `backchannel host record`")
    if lines[0].version != VERSION:
        raise InputError(path, f"is of version {lines[0].version}; this reads {VERSION}")
    try:
        return Ledger(lines)
    except ValueError as error:
        raise InputError(path, str(error)) from error


def is_record(path: Path) -> bool:
    """Say whether a file begins as a record does. Raises OSError."""
    with path.open("rb") as file:
        try:
            return isinstance(msgspec.json.decode(file.readline(LINE), type=Line), Began)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False


def identity(protocol: int, local: Endpoint, remote: Endpoint | None) -> str:
    """Return the Community ID of a socket's flow; empty where it has no partner."""
    return flow_id(protocol, local, remote, (0, 0)) if remote is not None else ""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(text: str) -> int:
    """Return a time in nanoseconds since 1970. Raises ValueError."""
    told = datetime.fromisoformat(text)
    if told.tzinfo is None:
        raise ValueError(f"{text!r} does not say in which time zone")
    since = told - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000
