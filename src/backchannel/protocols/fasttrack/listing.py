"""Lists of what a node shares, as it gives them over HTTP. Bytes in, files out.

The page of `GET /` was open to anybody in the first versions; only its links `/number/name` are
read, for no public description says more of it. The list behind `GET /.files` is binary (giFT's
PROTOCOL, "Listing shared files"): hash, id, size and tags of file after file.
"""

import re
from urllib.parse import unquote_to_bytes

from backchannel.events import SharedFile
from backchannel.protocols.fasttrack import wire
from backchannel.reader import Reader, WireError
from backchannel.text import unescape

LIMIT = 1 << 18
"""Bytes of a list that are read."""
FILES = 4096
_LINK = re.compile(
    rb"""<a\s[^>]{0,64}?href\s*=\s*["']?/?(\d{1,10})/([^"'>]{1,1024}+)["'>]""", re.IGNORECASE
)
_CHALLENGED = re.compile(r"\s*Forbidden\s+(\d{1,10})\s+(\d{1,10})\s*", re.IGNORECASE)


def challenged(reason: str) -> bool:
    """Whether the reason of a 403 asks for a response before the binary list is given."""
    return _CHALLENGED.fullmatch(reason) is not None


def read(body: bytes) -> tuple[tuple[SharedFile, ...], str]:
    """Return the files of a list of either kind, and what is wrong with it, if anything."""
    if b"<" in body[:64] and body[:5] != b"HTTP/":
        return _page(body), ""
    return _binary(body)


def _page(page: bytes) -> tuple[SharedFile, ...]:
    """Return the files that an HTML page links to, by number."""
    files: dict[bytes, SharedFile] = {}
    for found in _LINK.finditer(page):
        name = unescape(wire.text(unquote_to_bytes(found[2])))
        files[found[1]] = SharedFile(name=name, detail=f"number={found[1].decode()}")
        if len(files) == FILES:
            break
    return tuple(files.values())


def _binary(body: bytes) -> tuple[tuple[SharedFile, ...], str]:
    """Return the files of a binary list and what is wrong with it, if anything.

    *body* may begin with the HTTP head of the answer proper.
    """
    if body[:5] == b"HTTP/":
        body = body.partition(b"\r\n\r\n")[2]
    reader, files = Reader(body), list[SharedFile]()
    try:
        while reader and len(files) < FILES:
            files.append(wire.read_file(reader))
    except WireError as error:
        return tuple(files), str(error)
    return tuple(files), ""
