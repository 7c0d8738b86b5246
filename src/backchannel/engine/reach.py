"""What reaches beyond one stream: announcements, logins, inner streams and files.

Decoders ask for these with effects. Here they are looked up, opened and bounded; the engine moves
the bytes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from backchannel.contract import Protocol, Start
from backchannel.effects import (
    Expect,
    FileClose,
    FileData,
    FileOpen,
    FilePaused,
    Inner,
    InnerEnd,
    InnerGap,
    Open,
    Remember,
    Tie,
)
from backchannel.engine.announcements import Announcements, normal
from backchannel.engine.bounded import Bounded
from backchannel.engine.logins import Group
from backchannel.engine.names import Names
from backchannel.engine.stream import Moment, Stream
from backchannel.events import Transfer
from backchannel.extract.store import FileStore
from backchannel.flows.core import FlowCore
from backchannel.model import Claim, Confidence, Endpoint, Side

MAX_DEPTH = 8
"""Proxies and tunnels inside each other that are followed."""
MAX_CHANNELS = 4096
"""Inner streams of one stream."""
REMEMBERED = 16
"""Values that sessions asked to remember: info dictionaries of torrents may have megabytes."""
LIMIT = 16_384
"""Inner streams that several flows carry together, logins, and files that several flows bring."""
PATIENCE = 6 * 3_600_000_000_000
"""Nanoseconds for which a file that several flows bring waits for more."""


class Reach:
    """All that one stream's bytes can do to others. It changes streams but never feeds them."""

    def __init__(
        self,
        core: FlowCore,
        protocols: Mapping[str, Protocol],
        names: Names,
        files: FileStore | None,
        count: Callable[[str], None],
    ) -> None:
        self.files = files or FileStore(count=count)
        self.announcements = Announcements(core.expect, core.forget, count)
        self._protocols, self._names, self._count = protocols, names, count
        self._shared = Bounded[tuple[str, str], Stream](
            LIMIT, "shared inner streams dropped to bound memory", count
        )
        self._remembered = Bounded[str, Any](
            REMEMBERED, "values that flows share forgotten to bound memory", count
        )
        self._groups: dict[str, Group] = {}  # by key, the latest last
        self._owners = Bounded[tuple[str, str], tuple[Stream, Side]](
            LIMIT, "owners of shared files forgotten to bound memory", count
        )

    # -- flows that were announced, names of their ends -----------------------------------------

    def expected(self, stream: Stream, now: int) -> None:
        """Give a new stream what an announcement or a name says of it."""
        start = stream.given
        assert start is not None
        opened = stream.tcp and (stream.depth > 0 or stream.info().begun)
        made = self.announcements.match(start.transport, start.client, start.server, now, opened)
        if made is None or made.expect.protocol not in self._protocols:
            stream.named = self._names.service_at(start.server.address, now)
            return
        expect = made.expect
        stream.announced = True
        stream.given = msgspec.structs.replace(
            start,
            accounts=expect.accounts,
            context=expect.context,
            others=self.announcements.beside(made, now),
            service=made.service,
            purpose=expect.purpose,
        )
        stream.bare = not expect.port
        # of a flow joined midway, who sent the first captured packet is taken for the client
        listens = start.client.port == expect.port and start.client.address == made.address
        flipped = not opened and listens and start.server.port != expect.port
        stream.claim = Claim(expect.protocol, Confidence.EXPECTED, made.evidence, flipped)
        stream.named = (made.service or self._protocols[expect.protocol].service, "")

    def announce(self, stream: Stream, expect: Expect, moment: Moment) -> None:
        """Let an announcement stand from now on."""
        address = normal(expect.address)
        if expect.address and not address:
            address = self._names.address_of(expect.address)
            if not address:  # then only a proxy can be seen to be asked for it
                if expect.port:
                    self._count("announcements of hosts whose address was not seen")
                address = expect.address.lower()
        service, stack = stream.service, stream.stack
        self.announcements.add(expect, address, moment.time, moment.frame, service, stack)

    # -- what one flow says of others ------------------------------------------------------------

    def remember(self, effect: Remember) -> None:
        """Keep a value for other flows."""
        self._remembered.put(effect.key, effect.value)

    def recall(self, key: str) -> Any:
        """Return what is remembered under a key; None for nothing."""
        return self._remembered.get(key)

    # -- logins --------------------------------------------------------------------------------

    def tie(self, stream: Stream, tie: Tie, moment: Moment) -> None:
        """Put a stream into the login that the key names."""
        key, groups, mine = tie.key, self._groups, stream.login()
        known = groups.pop(key, None)
        if known is not None:
            group = known.root()
        else:
            group = mine if mine is not None else Group(stream.service, moment.time)
        if mine is not None and mine is not group:
            group.absorb(mine)
        if len(groups) >= LIMIT:
            del groups[next(iter(groups))]
            self._count("logins forgotten to bound memory")
        groups[key] = group
        group.last = moment.time
        if not group.add(stream.info().serial):
            self._count("flows of logins not listed to bound memory")
        elif stream.protocol is not None:
            group.flows[stream.info().serial] = stream.protocol.name
        if account := tie.account or stream.account:
            group.account = account
            group.service = stream.session.service if stream.session else stream.service
        stream.group = group

    def groups(self) -> list[Group]:
        """Return all logins, each once."""
        return list(dict.fromkeys(group.root() for group in self._groups.values()))

    # -- inner streams -------------------------------------------------------------------------

    def open(self, stream: Stream, moment: Moment, effect: Open) -> None:
        """Begin an inner stream, unless there is one of that name or no room."""
        assert stream.protocol is not None
        if self._find(stream, effect.channel, effect.shared) is not None:
            return
        if stream.depth >= MAX_DEPTH:
            self._count("tunnels not followed: nested too deep")
            return
        if not effect.shared and len(stream.children or ()) >= MAX_CHANNELS:
            self._count("inner streams not followed: too many in one flow")
            return
        target = Endpoint(effect.host, effect.port)
        client = stream.parties()[stream.side_flip]
        ends = (target, client) if effect.inbound else (client, target)
        child = Stream(
            run=stream.run,
            slot=-1,
            ends=stream.info(),
            given=Start(effect.transport, *ends, read=stream.run.read, recall=self.recall),
            inside=(stream.scope, effect.channel),
            now=moment.time,
            frame=moment.frame,
            carrier=f"{stream.carrier}{effect.label or stream.protocol.name}/",
            depth=stream.depth + 1,
            target=target,
        )
        self.expected(child, moment.time)
        if child.named is None and (service := self._names.service_of_name(effect.host)):
            child.named = service, effect.host
        if effect.shared:
            self._shared.put((stream.protocol.name, effect.channel), child)
        else:
            if stream.children is None:
                stream.children = {}
            stream.children[effect.channel] = child
            if effect.whole:
                stream.carries = child

    def child(self, stream: Stream, effect: Inner | InnerGap | InnerEnd) -> Stream | None:
        """Return the inner stream that an effect speaks of; None for one that is not followed."""
        return self._find(stream, effect.channel, effect.shared)

    def forget_child(self, stream: Stream, effect: InnerEnd) -> None:
        """Take an inner stream that ended out of the tables."""
        assert stream.protocol is not None
        if effect.shared:
            self._shared.pop((stream.protocol.name, effect.channel), None)
        elif stream.children is not None:
            stream.children.pop(effect.channel, None)

    def shared_streams(self) -> list[Stream]:
        """Return the inner streams that several flows carry together."""
        return list(self._shared.values())

    def _find(self, stream: Stream, channel: str, shared: bool) -> Stream | None:
        if not shared:
            return stream.inner(channel)
        assert stream.protocol is not None
        return self._shared.get((stream.protocol.name, channel))

    # -- files ---------------------------------------------------------------------------------

    def file(
        self, stream: Stream, side: Side, effect: FileOpen | FileData | FileClose | FilePaused
    ) -> Transfer | None:
        """Act on a file of *side*; return what came of one that is closed now and has anything to
        tell.
        """
        assert stream.protocol is not None
        # Protocols of one service share files: a transfer may move from one to another.
        service = stream.protocol.service
        shared = isinstance(effect, FilePaused) or effect.shared
        scope = service if shared else stream.scope
        transfer: Transfer | None = None
        if isinstance(effect, FileData):
            if shared:
                self._brought((service, effect.key), stream, side)
            self.files.add(scope, effect)
        elif isinstance(effect, FileOpen):
            if shared:
                self._owners.put((service, effect.key), (stream, side))
            else:
                stream.touched = True
            transfer = self.files.open(scope, effect)  # of one that had to make room
        elif isinstance(effect, FilePaused):
            transfer = self.files.pause(scope, effect.key)
            if transfer is not None:
                self._owners.pop((service, effect.key), None)
        else:
            if shared:
                self._owners.pop((service, effect.key), None)
            transfer = self.files.close(scope, effect)
        return transfer if transfer is not None and (transfer.seen or transfer.size) else None

    def _brought(self, file: tuple[str, str], stream: Stream, side: Side) -> None:
        """A shared file belongs to whoever brought bytes of it last."""
        owner = self._owners.get(file)
        if owner is not None and owner[0] is not stream:
            self._owners.put(file, (stream, side))

    def overdue(self, now: int) -> list[tuple[Stream, Side, Transfer]]:
        """Close shared files of which nothing has come for PATIENCE; return as `finish` does."""
        return self._ended(
            [key for key, (stream, _) in self._owners.items() if now - stream.last > PATIENCE]
        )

    def finish(self) -> list[tuple[Stream, Side, Transfer]]:
        """Close the files that several flows share, each with the stream that brought bytes of
        it last, and the side that did.
        """
        closed = self._ended(list(self._owners))
        self.files.finish()
        return closed

    def _ended(self, keys: list[tuple[str, str]]) -> list[tuple[Stream, Side, Transfer]]:
        closed = []
        for scope, key in keys:
            stream, side = self._owners.pop((scope, key))
            transfer = self.files.close(scope, FileClose(key=key))
            if transfer is not None and (transfer.seen or transfer.size):
                closed.append((stream, side, transfer))
        return closed
