"""Servents over HTTP: downloads by name or hash, listings, hash trees, push proxies, web caches.

    GET /get/<index>/<name>          GET /uri-res/N2R?urn:sha1:...        Range, X-Alt, X-Queue ...
    GET /  (Accept: packets)         GET /uri-res/N2X?..., /gnutella/thex/...

Behind a push the roles are reversed: see pushed.py. HUGE 0.94 §6, browse host, PARQ and push proxy
proposals (gtk-gnutella doc/gnutella), Shareaza's UploadTransferHTTP. Ranges of a file that names
its SHA-1 are handed on under that name, so that one file may come over many connections. Holds what
`Conversation` holds, one message of a listing, or 16 KiB of a web cache's answer.
"""

from backchannel.effects import (
    FileClose,
    FileData,
    FileOpen,
    FilePaused,
    Inner,
    InnerEnd,
    InnerGap,
    Open,
)
from backchannel.events import Gap, Malformed
from backchannel.model import Capability, Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.gnutella import requests, webcache
from backchannel.protocols.gnutella.ggep import sha1_of
from backchannel.protocols.gnutella.listing import Listing, listing_for
from backchannel.protocols.gnutella.memory import Memory
from backchannel.protocols.gnutella.requests import Request
from backchannel.protocols.http.heads import Head
from backchannel.protocols.http.wire import Body, Broken, Conversation, Done, Raw, Skipped
from backchannel.protocols.http.wire import Item as HttpItem
from backchannel.reader import WireError

MAX_PENDING = 64
_UNVERSIONED = b"HTTP "


class _File:
    """A file whose bytes are coming."""

    def __init__(self, key: str, offset: int, *, shared: bool, sized: bool) -> None:
        self.key, self.offset, self.shared, self.sized = key, offset, shared, sized

    def over(self) -> FileClose | FilePaused:
        """No more of it comes in this answer; further ranges may, where its size tells of them."""
        if self.shared and self.sized:
            return FilePaused(key=self.key)
        return FileClose(key=self.key, shared=self.shared)


class Transfer:
    """One HTTP connection of a servent."""

    def __init__(
        self, start: Start, memory: Memory, *, asks: Side = Side.CLIENT, begun: bool = False
    ) -> None:
        """*asks*: the side that sends requests. *begun*: its first bytes are the beginning of one,
        whatever stood before them.
        """
        self.standing = Standing.CLAIMED
        self.done = False
        self._start, self._memory = start, memory
        self._client = asks
        self._http = Conversation(client=asks, begun=begun or start.begun)
        self._opening: bytearray | None = bytearray()
        """The first bytes of the first answer."""
        self._early = False
        """Whether it had no version."""
        self._requests: list[Request] = []
        self._file: _File | None = None
        self._listing: Listing | None = None
        self._cache: bytearray | None = None
        self._tunnel = False

    # -- the contract --------------------------------------------------------------------------

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        data = self._mended(data) if side is not self._client else data
        return self._tell(self._http.feed(side, data))

    def _mended(self, data: bytes) -> bytes:
        """Give a version to an answer like `HTTP 200 OK`, as Clip2's description of 0.4 has it.

        gnut and its kin answered so, and early BearShare refused so.
        """
        opening = self._opening
        if opening is None:
            return data
        opening += data
        if len(opening) < len(_UNVERSIONED) and _UNVERSIONED.startswith(opening):
            return b""
        self._opening = None
        if opening.startswith(_UNVERSIONED):
            self._early = True
            opening[:4] = b"HTTP/1.0"
        return bytes(opening)

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        if side is not self._client:
            self._opening = None
        return [Gap(size=size), *self._tell(self._http.gap(side, size))]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        out = self._tell(self._http.end(side))
        if self._tunnel:
            return [*out, InnerEnd(side=side)]
        if side is not self._client:
            self._close(out)
        return out + self._memory.summary(side)

    # -- HTTP ----------------------------------------------------------------------------------

    def _tell(self, told: list[tuple[Side, HttpItem]]) -> list[Output]:
        out: list[Output] = []
        for side, item in told:
            if isinstance(item, Head):
                self._request(item, out) if item.request else self._answer(item, out)
            elif isinstance(item, Broken):
                out.append(Malformed(reason=item.reason))
            elif isinstance(item, Raw):
                out.append(Inner(side=side, data=item.data))
            elif side is not self._client:
                self._content(item, out)
            elif isinstance(item, Skipped) and self._tunnel:
                out.append(InnerGap(side=side, size=item.size))
        return out

    def _request(self, head: Head, out: list[Output]) -> None:
        self.standing = Standing.PARSED
        request = requests.read_request(head)
        self._requests.append(request)
        del self._requests[:-MAX_PENDING]
        out += requests.tell(request, head, self._memory)
        out += requests.disclosures(head, self._memory)

    def _answer(self, head: Head, out: list[Output]) -> None:
        self._close(out)
        request = self._requests[0] if self._requests else Request(kind="download", target="")
        if head.status == 101:
            self._tunnel = True
            out.append(Open())
            return
        if head.status >= 200 and self._requests:
            self._requests.pop(0)
        self.standing = Standing.PARSED
        out += requests.disclosures(head, self._memory)
        out += requests.answered(request, head)
        if head.status in (200, 206) and head.method != "HEAD":
            self._open(request, head, out)

    def _open(self, request: Request, head: Head, out: list[Output]) -> None:
        """Make ready for the body that *head* announces."""
        if request.kind == "cache":
            self._cache = bytearray()
        elif request.kind == "browse":
            lister = self._client.other  # behind a push, whoever opened the connection
            self._listing = listing_for(head.get("content-type"), lister, self._memory)
        elif request.kind == "download" and (
            place := requests.place(request, head, early=self._early)
        ):
            first, total = place
            urn = requests.file_urn(request, head)
            sha1 = sha1_of(urn)
            name = requests.file_name(request, head) or self._memory.names.of(urn)
            server = self._start.server if self._client is Side.CLIENT else self._start.client
            client = self._start.client if self._client is Side.CLIENT else self._start.server
            # Ranges belong together where one host collects them; without a hash, of one uploader.
            shared = bool(sha1) or (bool(request.name) and total is not None)
            what = f"sha1:{sha1}" if sha1 else f"{server.address} {request.target} {total}"
            key = f"{what} {client.address}" if shared else name
            file = _File(key, first, shared=shared, sized=total is not None)
            self._file = file
            opened = FileOpen(
                key=file.key,
                shared=file.shared,
                use=Capability.FILE_SHARING,
                name=name,
                size=total,
                sender=str(server),
                recipient=str(client),
                id=urn,
                sha1=sha1,
            )
            out.append(opened)

    def _content(self, item: HttpItem, out: list[Output]) -> None:
        if isinstance(item, Done):
            self._close(out)
        elif isinstance(item, Skipped):
            if self._cache is not None:
                del self._cache[self._cache.rfind(b"\n") + 1 :]  # a line that is cut off
            self._close_list(out)
            if self._file:
                self._file.offset += item.size
            elif self._tunnel:
                out.append(InnerGap(side=self._client.other, size=item.size))
        elif isinstance(item, Body):
            self._body(item.data, out)

    def _body(self, data: bytes, out: list[Output]) -> None:
        if self._file:
            file = self._file
            told = FileData(key=file.key, shared=file.shared, offset=file.offset, data=data)
            out.append(told)
            file.offset += len(data)
        elif self._cache is not None:
            self._cache += data[: webcache.MAX_BODY - len(self._cache)]
        elif self._listing:
            try:
                for page in self._listing.feed(data):
                    out += page
            except WireError as error:
                out.append(Malformed(reason=f"listing: {error}"))
                self._listing = None

    def _close(self, out: list[Output]) -> None:
        """The body that was coming is over."""
        if self._file:
            out.append(self._file.over())
        self._file = None
        self._close_list(out)

    def _close_list(self, out: list[Output]) -> None:
        """No more is read of the list that was coming: tell what it held."""
        if self._cache is not None:
            out += webcache.answer(bytes(self._cache), self._memory)
        if self._listing:
            out += self._listing.end()
        self._listing = self._cache = None
