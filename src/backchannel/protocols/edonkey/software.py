"""Which program speaks, by the version that it sends. Numbers in, words out.

eMule's version tag: compatible program u8 | major 7 bits | minor 7 | update 3 | build 7.
"""

from backchannel.protocols.edonkey import tags
from backchannel.protocols.edonkey.tags import Tags

PROGRAMS = {
    0x00: "eMule",
    0x01: "cDonkey",
    0x02: "xMule",
    0x03: "aMule",
    0x04: "Shareaza",
    0x05: "eMule Plus",
    0x06: "HydraNode",
    0x0A: "MLDonkey",
    0x14: "lphant",
    0x28: "Shareaza",
    0x34: "MLDonkey",
    0x44: "Shareaza",
    0x98: "MLDonkey",
}


def named(found: Tags) -> tuple[str, str]:
    """Return the program that says *found* of itself, and its version with the mod's name."""
    packed = tags.number(found, tags.EMULE_VERSION)
    mod = tags.text(found, tags.MOD)
    if not packed:
        return "eDonkey", str(tags.number(found, tags.VERSION) or "")
    program = PROGRAMS.get(packed >> 24, f"program {packed >> 24 & 0xFF:02x}")
    major, minor, update = packed >> 17 & 0x7F, packed >> 10 & 0x7F, packed >> 7 & 7
    version = (
        f"{major}.{minor}.{update}" if packed >> 24 else f"{major}.{minor}{'abcdefgh'[update]}"
    )
    return program, f"{version} ({mod})" if mod else version
