"""FastTrack, the network of KaZaA, Grokster and iMesh: sessions, pings and HTTP transfers."""

from backchannel.protocols import Magic, Protocol

_FOLLOWS = b"\xff\xff\xff\xfe\x00"
"""Compares a datagram's type and an encryption type that has no bits but the known ones."""

_VERBS = b"GET /", b"HEAD /"
_PATHS = b".hash=", b".files", b".supernode", b".status", b".network", b".download"
_MARKS = b"kazaa", b"peerenabler", b"gift-fasttrack"


def _numbered(digits: int) -> Magic:
    """A request for a file by its number."""
    pattern = b"GET /" + b"0" * digits + b"/"
    return Magic(transport="tcp", pattern=pattern, mask=b"\xff" * 5 + b"\xf0" * digits + b"\xff")


PROTOCOL = Protocol(
    name="fasttrack",
    title="FastTrack (KaZaA)",
    service="kazaa",
    magic=(
        # A session opens with twelve bytes that look random; its answer ends in `KaZaA` and NUL.
        Magic(transport="tcp", sizes=(12, 14), binary=True, first=True, unanswered=True),
        Magic(transport="tcp", pattern=b"\xfa\x00\xb6\x2b"),
        *(Magic(transport="tcp", pattern=verb + path) for verb in _VERBS for path in _PATHS),
        *(Magic(transport="tcp", pattern=verb + b".", anywhere=_MARKS) for verb in _VERBS),
        Magic(transport="tcp", pattern=b"GET FastTrack://"),
        *map(_numbered, range(2, 11)),
        Magic(transport="tcp", pattern=b"GET / HTTP/1.", anywhere=(b"kazaa", b":1214")),
        Magic(transport="tcp", pattern=b"GIVE "),
        Magic(transport="tcp", pattern=b"HTTP/1.", anywhere=(b"x-kazaa", b"kazaaclient")),
        Magic(transport="tcp", pattern=b"HTTP/1.", anywhere=(b"gift-fasttrack",)),
        Magic(transport="udp", pattern=b"\x27\0\0\0\0\x80", mask=_FOLLOWS + b"\xff", minimum=8),
        Magic(transport="udp", pattern=b"\x28\0\0\0\0\0", mask=_FOLLOWS + b"\xff", minimum=13),
        Magic(
            transport="udp",
            pattern=b"\x29\0\0\0\0\0\0\0\0",
            mask=_FOLLOWS + b"\xfc\xfe\xff\xff",
            sizes=(13, 21),
        ),
    ),
)
