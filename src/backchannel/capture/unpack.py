"""Opens captures: plain, gzip or Zstandard, by what the bytes say. Unpacks as a stream.

Nothing is ever unpacked whole. An archive that expands without end is stopped; see `MAX_RATIO`.
Of a damaged one, what comes before the damage is unpacked.
"""

import zlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from zstandard import ZstdDecompressor

FREE = 1 << 30
"""Unpacked bytes below which the ratio does not matter."""
MAX_RATIO = 1000
"""Unpacked bytes for each packed one; more is not a capture but an attack. DEFLATE ends at 1032."""
_STEP = 128 * 1024


class Raw(Protocol):
    """A file as far as it is needed here."""

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; none at the end."""

    def readinto(self, into: memoryview, /) -> int:
        """Fill *into* from the front; 0 at the end."""


class Unpacked(Protocol):
    """What the readers need of an opened capture."""

    def read(self, into: memoryview, /) -> int:
        """Fill *into* from the front; 0 at the end. Raises ValueError at damaged packing."""


Bytes: TypeAlias = bytes | memoryview
"""Packed bytes; a view where parts are taken, so that many small members are not copied."""


class _Broken(ValueError):  # noqa: N818 - what the packing is
    """Damaged packing, with what was unpacked just before the damage."""

    def __init__(self, why: str, good: bytes = b"") -> None:
        super().__init__(why)
        self.good = good


class Plain:
    """Bytes as they are."""

    def __init__(self, file: Raw, head: bytes) -> None:
        self._file, self._head = file, head

    def read(self, into: memoryview, /) -> int:
        """Fill *into* from the front; 0 at the end."""
        if self._head:
            size = min(len(self._head), len(into))
            into[:size] = self._head[:size]
            self._head = self._head[size:]
            return size
        return self._file.readinto(into)


class _Packed:
    """A stream of packed members, unpacked bit by bit."""

    def __init__(self, file: Raw, head: bytes, open_: Callable[[], "_Member"]) -> None:
        self._file, self._open = file, open_
        self._input: Bytes = head
        self._member: _Member | None = None
        self._packed = self._unpacked = 0
        self._rest = b""
        self._broken: _Broken | None = None

    def read(self, into: memoryview, /) -> int:
        """Fill *into* from the front; 0 at the end. Raises ValueError at damaged packing."""
        while not self._rest:
            if self._broken is not None:
                raise self._broken
            if not self._input and not self._refill():
                return 0
            if self._member is None:
                self._member = self._open()
            try:
                self._rest, self._input, ended = self._member.feed(self._input, len(into))
            except _Broken as error:
                self._rest, self._broken, ended = error.good, error, False
            self._unpacked += len(self._rest)
            if ended:
                self._member = None
            if self._unpacked > FREE and self._unpacked > MAX_RATIO * self._packed:
                raise ValueError(f"expands more than {MAX_RATIO} times")
        size = min(len(self._rest), len(into))
        into[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _refill(self) -> bool:
        self._input = memoryview(self._file.read(_STEP))
        self._packed += len(self._input)
        if not self._input and self._member is not None:
            raise ValueError("packed data ends early")
        return bool(self._input)


class _Member(Protocol):
    def feed(self, data: Bytes, limit: int, /) -> tuple[bytes, Bytes, bool]:
        """Return (unpacked bytes, packed bytes left, whether the member ended). Raises _Broken."""


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    def feed(self, data: Bytes, limit: int, /) -> tuple[bytes, Bytes, bool]:
        before = self._inner.copy()
        try:
            out = self._inner.decompress(data, limit)
        except zlib.error as error:
            raise _Broken(f"damaged gzip: {error}", _good(before, data)) from None
        if self._inner.eof:
            # Padding after the last member, which gzip itself allows, ends the stream.
            return out, self._inner.unused_data.lstrip(b"\0"), True
        return out, self._inner.unconsumed_tail, False


def _good(inner: "zlib._Decompress", data: Bytes) -> bytes:
    """Return what *data* unpack to as far as they are good, which the library keeps to itself."""
    out = bytearray()
    try:
        for at in range(len(data)):
            out += inner.decompress(data[at : at + 1])
    except zlib.error:
        pass
    return bytes(out)


@cache
def _zstandard() -> "tuple[ZstdDecompressor, type[Exception]]":
    from zstandard import ZstdDecompressor, ZstdError  # noqa: PLC0415 - where something is packed so

    return ZstdDecompressor(), ZstdError


class _Zstandard:
    """The library unpacks all it is given, so it is given 1 KiB (32 MiB at most) a time."""

    def __init__(self) -> None:
        library, self._damage = _zstandard()
        self._inner = library.decompressobj()

    def feed(self, data: Bytes, _limit: int, /) -> tuple[bytes, Bytes, bool]:
        part = data[:1024]
        try:
            out = self._inner.decompress(part)
        except self._damage as error:
            raise _Broken(f"damaged Zstandard: {error}") from None
        left = len(self._inner.unused_data) if self._inner.eof else 0
        return out, data[len(part) - left :], self._inner.eof


def unpacked(file: Raw) -> Unpacked:
    """Return a stream of *file*'s bytes, unpacked where they are gzip or Zstandard."""
    head = file.read(4)
    if head[:2] == b"\x1f\x8b":
        return _Packed(file, head, _Gzip)
    if head == b"\x28\xb5\x2f\xfd" or (head[1:] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
        # Or a frame to be skipped (RFC 8878 §3.1.2), with which pzstd begins.
        return _Packed(file, head, _Zstandard)
    return Plain(file, head)
