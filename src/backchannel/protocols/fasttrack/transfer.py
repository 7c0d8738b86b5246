"""Files over HTTP between FastTrack nodes: requests, answers, push, lists of what is shared.

    GET /.hash=<40 hexadecimal digits> HTTP/1.1        by hash; MLDonkey has FastTrack://... before
    GET /<number>/<file name> HTTP/1.1                 by number, as KaZaA first did
    GET / HTTP/1.1                                     a page of everything shared, for anybody
    GET /.files HTTP/1.1                               the same as a binary list
    GIVE <number>                                      push: who opened the connection has the
                                                       file, and the other side now asks for it

Headers of both sides name user, network, addresses and supernode; answers describe the file. Told
by giFT-FastTrack (PROTOCOL, "Transfers"; src/fst_upload.c), l7-filter (fasttrack.pat) and nDPI
(fasttrack.c). Held: what HTTP holds, or one list of 256 KiB.
"""

from backchannel.effects import FileClose, FileData, FileOpen, FilePaused
from backchannel.events import Anomaly, Download, Gap, Malformed, OfferAnswer, Share, SharedFile
from backchannel.model import Capability, Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.fasttrack import heads, listing
from backchannel.protocols.fasttrack.announced import Known
from backchannel.protocols.fasttrack.events import ListingRequest
from backchannel.protocols.fasttrack.recognise import GIVE, GIVE_LINE
from backchannel.protocols.fasttrack.uuhash import UUHash, short_id
from backchannel.protocols.http.heads import Head
from backchannel.protocols.http.wire import Body, Broken, Conversation, Done, Item, Skipped, Told

LONG_TARGET, LONG_HEAD = 1024, 8192
"""Longer than anything that a program of this network asks."""
UNANSWERED = 32
"""Requests without an answer on one connection; these programs send one and wait."""


class Session:
    """One connection between two nodes, or from a browser to one."""

    done = False

    def __init__(self, start: Start) -> None:
        self.standing = Standing.CLAIMED
        self._begun, self._start = start.begun, start
        self._opening = bytearray()
        self._talk: Conversation | None = None
        self._asker = Side.CLIENT
        self._users = dict.fromkeys(Side, "")
        self._names = dict(start.context.names) if isinstance(start.context, Known) else {}
        if len(start.accounts) == 1:
            self._users[Side.SERVER] = start.accounts[0]
        self._told: set[Output] = set()
        self._file: _File | None = None
        self._list: bytearray | None = None
        self._serial = self._unanswered = 0
        self.aligned = False
        """Whether a file was asked for by its hash, which nothing else looks like."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        out: list[Output] = []
        if self._talk is None:
            data = self._open(side, data, out)
        if self._talk is not None and data:
            self._take(self._talk.feed(side, data), out)
        return out

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        out: list[Output] = [Gap(size=size)]
        if self._talk is None:
            self._begin(Side.CLIENT, out, begun=False)
        assert self._talk is not None
        self._take(self._talk.gap(side, size), out)
        return out

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        out: list[Output] = []
        if self._talk is not None:
            self._take(self._talk.end(side), out)
        return out

    # -- who asks ------------------------------------------------------------------------------

    def _open(self, side: Side, data: bytes, out: list[Output]) -> bytes:
        """Find out which side asks: after a GIVE, the one that was connected to."""
        if side is Side.SERVER:
            self._begin(Side.SERVER if data[:1] == b"G" else Side.CLIENT, out)
            return data
        self._opening += data
        opening = bytes(self._opening)
        if found := GIVE.match(opening):
            self._opening = bytearray(opening[found.end() :])
            number, use = found[1].decode(), Capability.FILE_TRANSFER
            out.append(OfferAnswer(use=use, sender="", recipient="", id=number, accepted=True))
            self._begin(Side.SERVER, out)
        elif not _undecided(opening):
            self._begin(Side.SERVER if opening[:5] == b"HTTP/" else Side.CLIENT, out)
        return b""

    def _begin(self, asker: Side, out: list[Output], *, begun: bool = True) -> None:
        self._asker = asker
        self._talk = Conversation(client=asker, begun=begun and self._begun, limit=LONG_HEAD)
        opening = bytes(self._opening)
        self._opening.clear()
        if opening:
            out += self.feed(Side.CLIENT, opening)

    # -- what they say -------------------------------------------------------------------------

    def _take(self, told: Told, out: list[Output]) -> None:
        for side, item in told:
            if isinstance(item, Head):
                self._disclose(item, side, out)
                if item.request:
                    self._request(item, out)
                else:
                    self._answer(item, out)
            elif isinstance(item, Broken):
                out.append(Malformed(reason=item.reason))
                if item.lost and side is self._asker and str(LONG_HEAD) in item.reason:
                    out.append(Anomaly(kind="oversized-request", detail=item.reason))
            elif side is not self._asker:
                self._body(item, out)

    def _disclose(self, head: Head, side: Side, out: list[Output]) -> None:
        """Tell what a head says of its sender, once."""
        if user := heads.account(head):
            self._users[side] = user
        for event in heads.disclosed(head):
            if event not in self._told:
                out.append(event)
                if len(self._told) < 256:
                    self._told.add(event)

    def _request(self, head: Head, out: list[Output]) -> None:
        self._unanswered += 1
        if self._unanswered == UNANSWERED:
            out.append(Anomaly(kind="request-flood", detail=f"{UNANSWERED} without an answer"))
        if len(head.target) > LONG_TARGET:
            size = len(head.target)
            out.append(Anomaly(kind="oversized-request", detail=f"path of {size} bytes"))
        asker = self._users[self._asker]
        if file := heads.wanted(head.target):
            self.aligned = self.aligned or bool(file.hash)
            first, last = head.wanted_range or (0, None)
            name = file.name or self._names.get(file.hash, "")
            out.append(Download(name=name, account=asker, hash=file.hash, first=first, last=last))
        elif heads.asks_listing(head.target):
            out.append(ListingRequest(path=head.target[:LONG_TARGET], account=asker))

    def _answer(self, head: Head, out: list[Output]) -> None:
        if head.status < 200:
            return
        self._unanswered, self.standing = 0, Standing.PARSED
        file = heads.wanted(head.target)
        if head.status in (200, 206) and file is not None:
            self._open_file(head, file, out)
        elif file is not None:
            self._refuse(head, file, out)
        elif listing.challenged(head.reason) or (head.status == 200 and head.target == "/"):
            self._list = bytearray()

    def _refuse(self, head: Head, file: heads.Wanted, out: list[Output]) -> None:
        out.append(
            OfferAnswer(
                use=Capability.FILE_TRANSFER,
                sender=self._users[self._asker.other],
                recipient=self._users[self._asker],
                id=file.id,
                accepted=False,
                reason=f"{head.status} {head.reason}".strip(),
            )
        )

    def _open_file(self, head: Head, file: heads.Wanted, out: list[Output]) -> None:
        tags = heads.described(head)
        digest = file.hash or tags.hash or self._numbered(file.number)
        name = file.name or tags.name or self._names.get(digest, "")
        first, last, size = _extent(head)
        owner, whole = self._users[self._asker.other], first == 0 and last + 1 == size
        if tags.detail or tags.name:
            known = SharedFile(name=name, size=size or 0, hash=digest, detail=tags.detail)
            out.append(Share(owner=owner, files=(known,)))
        self._serial += 1
        shared = bool(digest and size)
        # Ranges belong together where one host collects them.
        key = f"{digest}:{size} {self._collector}" if shared else str(self._serial)
        self._file = _File(
            key, shared, first, digest, UUHash(size) if whole and size and digest else None
        )
        out.append(
            FileOpen(
                key=key,
                shared=shared,
                name=name,
                size=size,
                sender=owner,
                recipient=self._users[self._asker],
                id=file.id,
            )
        )

    @property
    def _collector(self) -> str:
        """Address of the side that asks."""
        start = self._start
        return (start.client if self._asker is Side.CLIENT else start.server).address

    def _numbered(self, number: str) -> str:
        """Return the hash of a known file that KaZaA would call *number*."""
        known = (digest for digest in self._names if str(short_id(bytes.fromhex(digest))) == number)
        return next(known, "")

    def _body(self, item: Item, out: list[Output]) -> None:
        """Take a piece of what the node with the files sends, or the end of it."""
        if self._list is not None:
            self._list_part(item, out)
        elif self._file is not None:
            self._file_part(self._file, item, out)

    def _file_part(self, file: "_File", item: Item, out: list[Output]) -> None:
        if isinstance(item, Body):
            out.append(
                FileData(key=file.key, shared=file.shared, offset=file.offset, data=item.data)
            )
            file.offset += len(item.data)
            if file.running is not None:
                file.running.update(item.data)
        elif isinstance(item, Skipped):
            file.offset += item.size
        elif isinstance(item, Done):
            self._file = None
            out.append(file.over())

    def _list_part(self, item: Item, out: list[Output]) -> None:
        assert self._list is not None
        if isinstance(item, Body):
            self._list += item.data[: listing.LIMIT - len(self._list)]
        elif isinstance(item, Done | Skipped):  # what follows a hole does not continue it
            body, self._list = bytes(self._list), None
            files, fault = listing.read(body)
            owner = self._users[self._asker.other]
            if files:
                detail = f"{len(files)} files told to whoever asks"
                out.append(Share(owner=owner, files=files))
                out.append(Anomaly(kind="anonymous-listing", detail=detail))
            if fault and isinstance(item, Done):
                out.append(Malformed(reason=fault))


class _File:
    """The file whose bytes are coming."""

    def __init__(
        self, key: str, shared: bool, offset: int, digest: str, running: UUHash | None
    ) -> None:
        self.key, self.shared, self.offset = key, shared, offset
        self.digest, self.running = digest, running

    def over(self) -> FileClose | FilePaused:
        """No more of it comes in this answer; further ranges may, unless it came whole."""
        if self.shared and self.verified is None:
            return FilePaused(key=self.key)
        return FileClose(key=self.key, shared=self.shared, verified=self.verified)

    @property
    def verified(self) -> bool | None:
        """Whether the UUHash agrees; None where it could not be computed."""
        if self.running is None or not self.running.whole:
            return None
        return self.running.digest().hex() == self.digest


def _undecided(opening: bytes) -> bool:
    """Whether *opening* may still become a push, or an answer."""
    if opening[:5] == b"GIVE "[: len(opening)]:
        return len(opening) < GIVE_LINE and b"\n" not in opening
    return len(opening) < 5 and opening == b"HTTP/"[: len(opening)]


def _extent(head: Head) -> tuple[int, int, int | None]:
    """Return the first and last byte that an answer holds, and the file's size where told."""
    if head.content_range:
        return head.content_range
    length = head.length
    return 0, (length or 0) - 1, length
