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
        Magic(transport="tcp", pattern=b"INVITE MSNMSGR:", at=_HEADER, minimum=_HEADER + 15),
        Magic(transport="tcp", pattern=b"MSNSLP/1.0 ", at=_HEADER, minimum=_HEADER + 11),
        *(_chunk(flags, framed=framed) for flags in _DATA_FLAGS for framed in (True, False)),
    ),
)
