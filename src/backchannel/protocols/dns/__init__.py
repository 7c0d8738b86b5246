"""DNS, over UDP and TCP, with its neighbours of the same form: mDNS and LLMNR."""

from backchannel.protocols import Length, Magic, Protocol

# Behind the identifier: opcode 0, no reserved bit, at most one question, fewer than 256 records
# of each kind.
_ZEROS, _MASK = bytes(10), b"\x78\x40\xff\xfe\xff\x00\xff\x00\xff\x00"

PROTOCOL = Protocol(
    name="dns",
    title="DNS",
    service="dns",
    context=True,
    magic=(
        Magic(transport="udp", at=2, pattern=_ZEROS, mask=_MASK, minimum=17),
        # mDNS has no identifier, and asks several questions at once.
        Magic(
            transport="udp",
            pattern=b"\0\0" + _ZEROS,
            mask=b"\xff\xff" + _MASK[:3] + b"\xf0" + _MASK[4:],
            minimum=17,
        ),
        Magic(
            transport="tcp",
            at=4,
            pattern=_ZEROS,
            mask=_MASK,
            minimum=19,
            length=Length(at=0, size=2, bias=2, whole=False),
            first=True,
        ),
    ),
)
