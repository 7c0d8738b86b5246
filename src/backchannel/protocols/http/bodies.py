"""HTTP/1.x message bodies: where they end, and their codings undone.

Three framings (RFC 9112 §6-§7) with one shape: `feed` cuts the body's bytes out of what it is
given, `skip` accounts for bytes that nobody saw, `done` says that the body is over. They hold at
most one chunk-size line. `Decoder` undoes gzip and deflate in blocks of fixed size, so that what it
tells, and where it gives up, does not depend on how the stream was cut.
"""

import zlib
from typing import Any, Protocol

from backchannel.protocols.http.fields import natural
from backchannel.protocols.http.heads import Head
from backchannel.reader import WireError

LINE = 4096
"""Longest chunk-size or trailer line; extensions beyond that are abuse."""
TRAILERS = 65536
BLOCK = 4096
FREE, RATIO = 1 << 20, 100
"""A body may expand to FREE bytes, and beyond that to RATIO times its coded size."""


class Framing(Protocol):
    """Cuts one body out of a stream."""

    done: bool
    until_close: bool
    """Whether the end of the connection is the proper end of the body."""

    def feed(self, data: bytes, at: int, out: list[bytes] | None) -> int:
        """Append the body's bytes in *data* from *at* to *out* (None: nobody wants them); return
        where they end.

        Raises WireError when the framing breaks.
        """

    def skip(self, size: int) -> int:
        """Return how many of *size* unseen bytes belong to the body; fewer: framing is lost."""


class Counted:
    """A body of a known number of bytes."""

    until_close = False

    def __init__(self, size: int) -> None:
        self._left = size
        self.done = size == 0

    def feed(self, data: bytes, at: int, out: list[bytes] | None) -> int:
        """See `Framing`."""
        end = min(len(data), at + self._left)
        if out is not None:
            out.append(data[at:end])
        self._left -= end - at
        self.done = self._left == 0
        return end

    def skip(self, size: int) -> int:
        """See `Framing`."""
        size = min(size, self._left)
        self._left -= size
        self.done = self._left == 0
        return size


class Endless:
    """A body that ends when the connection does."""

    done = False
    until_close = True

    def feed(self, data: bytes, at: int, out: list[bytes] | None) -> int:
        """See `Framing`."""
        if out is not None:
            out.append(data[at:])
        return len(data)

    def skip(self, size: int) -> int:
        """See `Framing`."""
        return size


class Chunked:
    """A body in chunks (RFC 9112 §7.1). With *verbatim* sizes and trailers are handed on too."""

    until_close = False

    def __init__(self, *, verbatim: bool = False) -> None:
        self._verbatim = verbatim
        self._line = b""
        self._left = 0
        self._trailers = -1
        """Bytes of trailer lines so far; -1 before the last chunk."""
        self._closing = False
        """True after a chunk's bytes, before the line end that follows them."""
        self.done = False

    def feed(self, data: bytes, at: int, out: list[bytes] | None) -> int:
        """See `Framing`."""
        start, size = at, len(data)
        pieces = None if self._verbatim else out
        try:
            while at < size and not self.done:
                if self._left:
                    end = min(size, at + self._left)
                    if pieces is not None:
                        pieces.append(data[at:end])
                    self._left -= end - at
                    self._closing = self._left == 0
                    at = end
                else:
                    newline = data.find(b"\n", at) + 1
                    begin, at = at, min(newline or size, at + LINE + 1 - len(self._line))
                    self._line += data[begin:at]
                    self._take_line(at == newline)
        finally:
            if self._verbatim and out is not None:
                out.append(data[start:at])
        return at

    def _take_line(self, whole: bool) -> None:
        if len(self._line) > LINE:
            raise WireError("chunk line too long")
        if not whole:
            return
        line, size = self._line.strip(), len(self._line)
        self._line = b""
        if self._trailers >= 0:
            self._trailers += size
            if self._trailers > TRAILERS:
                raise WireError("too many trailers")
            self.done = not line
        elif self._closing:
            if line:
                raise WireError("chunk does not end where its size says")
            self._closing = False
        else:
            self._left = _chunk_size(line)
            if not self._left:
                self._trailers = 0

    def skip(self, size: int) -> int:
        """See `Framing`."""
        size = min(size, self._left)
        self._left -= size
        self._closing = self._closing or (size > 0 and self._left == 0)
        return size


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
        raise WireError("bad chunk size")
    return int(digits, 16)


class Decoder:
    """Undoes one gzip or deflate coding. Holds less than one BLOCK beside zlib's window."""

    def __init__(self, coding: str) -> None:
        self._gzip = coding != "deflate"
        self._inflate: Any = None
        self._block = b""
        self._taken = self._given = 0
        self._members = 0

    def feed(self, data: bytes) -> bytes:
        """Return what the coded *data* unfolds to; raises WireError on damage or a bomb."""
        data = self._block + data
        whole = len(data) - len(data) % BLOCK
        self._block = data[whole:]
        return b"".join([self._undo(data[at : at + BLOCK]) for at in range(0, whole, BLOCK)])

    def end(self) -> bytes:
        """Return the last of it; a stream cut short gives what there is."""
        block, self._block = self._block, b""
        return self._undo(block) if block else b""

    def _undo(self, block: bytes) -> bytes:
        self._taken += len(block)
        out = b""
        while block:
            if self._inflate is None:
                self._inflate = self._start(block)
            try:
                out += self._inflate.decompress(block)
            except zlib.error as error:
                if self._members:  # junk after the last gzip member is common and harmless
                    break
                raise WireError("damaged compressed body") from error
            block = self._inflate.unused_data
            if self._inflate.eof:
                self._inflate, self._members = None, self._members + 1
        self._given += len(out)
        if self._given > FREE and self._given > RATIO * self._taken:
            raise WireError(f"compressed body expands more than {RATIO} times")
        return out

    def _start(self, block: bytes) -> Any:
        if self._gzip:
            return zlib.decompressobj(31)
        # "deflate" means zlib's wrapping (RFC 9110 §8.4.1.2); some servers send it bare.
        wrapped = len(block) > 1 and block[0] & 15 == 8 and int.from_bytes(block[:2]) % 31 == 0
        return zlib.decompressobj(15 if wrapped else -15)


def decoder_for(head: Head) -> Decoder | None:
    """Return what undoes *head*'s coding; None where there is none or not one that we know."""
    names = head.tokens("content-encoding") + head.tokens("transfer-encoding")
    codings = [name for name in names if name not in ("identity", "chunked")]
    if len(codings) == 1 and codings[0] in ("gzip", "x-gzip", "deflate"):
        return Decoder(codings[0])
    return None


def framing(head: Head, verbatim: bool) -> tuple[Framing | None, tuple[str, ...]]:
    """Return how *head*'s body is framed (None: no body), and the contradictions in that.

    RFC 9112 §6.3. Where lengths contradict each other chunked wins, and then the first length.
    Raises WireError for a request whose length cannot be read, since nothing follows safely.
    """
    if not head.request and (
        head.status < 200 or head.status in (204, 304) or head.method == "HEAD"
    ):
        return None, ()
    lengths = head.tokens("content-length")
    # RFC 2616 §4.4: `identity` is as if nothing was said, and servers of its time say it.
    codings = [name for name in head.tokens("transfer-encoding") if name != "identity"]
    faults: list[str] = []
    if lengths and codings:
        faults.append("both Content-Length and Transfer-Encoding")
    if len(lengths) > 1 and len(set(lengths)) > 1:
        faults.append("Content-Length headers disagree")
    if codings and codings[-1] == "chunked":
        return Chunked(verbatim=verbatim), tuple(faults)
    if codings:
        if head.request:
            raise WireError("request with a Transfer-Encoding that does not end")
        return Endless(), tuple(faults)
    return _by_length(head, lengths, faults)


def _by_length(
    head: Head, lengths: list[str], faults: list[str]
) -> tuple[Framing | None, tuple[str, ...]]:
    if not lengths:
        return None if head.request else Endless(), tuple(faults)
    size = natural(lengths[0])
    if size is not None:
        return Counted(size) if size else None, tuple(faults)
    if head.request:
        raise WireError("Content-Length is no number")
    return Endless(), (*faults, "Content-Length is no number")
