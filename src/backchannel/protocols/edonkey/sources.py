"""Who has a file, as servers and clients tell: addresses, ports, and user hashes with which
connections may be obfuscated. Bytes in, events out.

    from a server    hash | count u8 | (id u32 | port u16 [| options u8 [| user hash]]) ...
    from a client    [version u8] hash | count u16 | (id u32 | port u16 | server u32 | port u16
                     [| user hash, from version 2] [| options u8, version 4]) ...

From version 3 on a client's ids stand the other way round.
"""

from collections.abc import Iterator
from typing import NamedTuple

from backchannel.events import SearchHit
from backchannel.protocols import Output
from backchannel.protocols.edonkey import wire
from backchannel.protocols.edonkey.talk import Talk, expect
from backchannel.reader import Reader, WireError

HAS_HASH = 0x80
"""Bit of the options: the user hash follows."""
MOST = 500
"""Sources of one answer that are told."""
_SIZES = {1: 12, 2: 28, 3: 28, 4: 29}
"""Bytes of a client's entry in each version."""


def from_server(talk: Talk, reader: Reader, asker: str, *, sealed: bool) -> Iterator[Output]:
    """Sources that a server names; with options and hashes where *sealed*."""
    file = wire.hash_of(reader)
    for _ in range(reader.u8()):
        client, port = reader.u32le(), reader.u16le()
        options = reader.u8() if sealed else 0
        user = wire.hash_of(reader) if options & HAS_HASH else ""
        yield from source(talk, Source(file, client, port, user), asker)


def from_client(talk: Talk, reader: Reader, asker: str, version: int = 0) -> Iterator[Output]:
    """Sources that a client names. Without *version* the size of the entries says which it is."""
    file, count = wire.hash_of(reader), reader.u16le()
    size = len(reader) // count if count else 0
    version = version or next((v for v, known in _SIZES.items() if known == size), 1)
    if version not in _SIZES or len(reader) < count * _SIZES[version]:
        raise WireError(f"{count} sources of version {version} in {len(reader)} bytes")
    for _ in range(min(count, MOST)):
        client, port = reader.u32le(), reader.u16le()
        if version >= 3 and client >= wire.LOW_ID:
            client = int.from_bytes(client.to_bytes(4, "little"), "big")
        reader.skip(6)  # the server that the source is signed on to
        user = wire.hash_of(reader) if version > 1 else ""
        if version == 4:
            reader.skip(1)
        yield from source(talk, Source(file, client, port, user), asker)


class Source(NamedTuple):
    """Who has a file: a client id with its port, and the user hash where told."""

    file: str
    client: int
    port: int
    user: str = ""


def source(talk: Talk, found: Source, asker: str) -> Iterator[Output]:
    """Tell one source once, and expect *asker* to meet it."""
    file, client, port, user = found
    if not talk.is_new("source", file, client, port):
        return
    user = "" if user == wire.BLANK.hex() else user
    address = wire.address_of(client)
    detail = "" if address else f"low id {client}"
    yield SearchHit(owner=user, address=address, port=port, id=file, detail=detail)
    yield from expect(address, port, user, asker)
