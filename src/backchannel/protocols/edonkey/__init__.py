"""eDonkey2000 and eMule over TCP: clients with servers, and among themselves."""

from backchannel.protocols import Magic, Protocol

_AMID = (0x15, 0x16, 0x19, 0x33, 0x34, 0x38, 0x40, 0x41, 0x42, 0x46, 0x47, 0x4C, 0x4E, 0x4F, 0x50,
         0x58, 0x59)  # fmt: skip
"""Kinds of eDonkey's messages by which connections are known that were not seen to begin."""
_EMULE = (0x40, 0x60, 0x85, 0x86, 0x87, 0x93, 0xA2, 0xA4)

PROTOCOL = Protocol(
    name="edonkey",
    title="eDonkey2000 and eMule",
    service="edonkey",
    magic=(
        # A sign-on or greeting has fewer than 1,024 bytes; in a greeting the hash's size is first.
        Magic(
            transport="tcp",
            pattern=b"\xe3\0\0\0\0\x01",
            mask=b"\xff\0\xfc\xff\xff\xff",
            minimum=22,
        ),
        *(
            Magic(
                transport="tcp",
                pattern=bytes((protocol, 0, 0, 0, 0, kind)),
                mask=b"\xff\0\0\xff\xff\xff",
                minimum=7,
            )
            for protocol, kinds in ((0xE3, _AMID), (0xC5, _EMULE))
            for kind in kinds
        ),
        Magic(transport="tcp", pattern=b"\xd4\0\0\0\0\0\x78", mask=b"\xff\0\0\xff\xff\0\xff"),
    ),
)
