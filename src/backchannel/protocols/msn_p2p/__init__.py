"""Direct connections of MSN Messenger: files, pictures and invitations from client to client."""

from backchannel.protocols import Length, Magic, Protocol

_HEADER = 4 + 48
_DATA_FLAGS = (b"\x30\x00\x00\x01", b"\x20\x00\x00\x00", b"\x20\x00\x00\x01")


def _chunk(flags: bytes, *, framed: bool) -> Magic:
    """A version 1 data chunk amid the stream: sizes below 4 GiB, the flags, no acknowledgement.

    Not *framed*: its length was written by itself before, as libpurple does.
    """
    shape = (
        *([(bytes(4), b"\x00\x00\xff\xff")] if framed else ()),  # length, below 64 KiB
        (bytes(8), bytes(8)),  # session, identifier
        (bytes(8), bytes(4) + b"\xff" * 4),  # offset
        (bytes(8), bytes(4) + b"\xff" * 4),  # total size
        (bytes(4), b"\x00\x00\xff\xff"),  # length of the chunk
        (flags, b"\xff" * 4),
        (bytes(8), bytes(4) + b"\xff" * 4),  # acknowledged identifiers
        (bytes(8), b"\xff" * 8),  # acknowledged size
    )
    return Magic(
        transport="tcp",
        pattern=b"".join(value for value, _ in shape),
        mask=b"".join(mask for _, mask in shape),
        minimum=sum(len(value) for value, _ in shape),
    )


def _text(word: bytes) -> Magic:
    """MSNSLP behind a length below 64 KiB and a version 1 header, offset and sizes below 4 GiB."""
    high = b"\xff" * 4
    mask = b"\0\0\xff\xff" + bytes(12) + high + bytes(4) + high + bytes(20) + high
    return Magic(
        transport="tcp",
        pattern=bytes(_HEADER) + word,
        mask=mask + b"\xff" * len(word),
        minimum=_HEADER + len(word),
    )


PROTOCOL = Protocol(
    name="msn-p2p",
    title="MSN Messenger direct connection (MSNSLP, P2P)",
    service="msn",
    magic=(
        Magic(transport="tcp", pattern=b"\x04\x00\x00\x00foo\x00"),
        Magic(  # the listener's half of a version 1 handshake
            transport="tcp",
            pattern=b"\x30\x00\x00\x00" + bytes(28) + b"\x00\x01\x00\x00",
            mask=b"\xff" * 8 + bytes(4) + b"\xff" * 24,
            minimum=_HEADER,
            length=Length(at=0, size=4, bias=4, little=True, whole=False),
        ),
        _text(b"INVITE MSNMS"),
        _text(b"MSNSLP/1.0 "),
        *(_chunk(flags, framed=framed) for flags in _DATA_FLAGS for framed in (True, False)),
    ),
)
