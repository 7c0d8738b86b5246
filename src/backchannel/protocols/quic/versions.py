"""The versions of QUIC whose first packets everybody can open, and what differs between them.

RFC 9001 §5.2 and §5.8, RFC 9369 §3, and the drafts of both, whose header is that of RFC 9000 since
draft 22. Facebook's mvfst numbered versions of its own on the drafts' ground.
"""

import msgspec

INITIAL, EARLY, HANDSHAKE, RETRY = range(4)
"""Kinds of packets with a long header."""
_KINDS = INITIAL, EARLY, HANDSHAKE, RETRY
_KINDS_2 = RETRY, INITIAL, EARLY, HANDSHAKE


class Version(msgspec.Struct, frozen=True):
    """What the keys of a version's Initials are made from."""

    name: str
    salt: bytes
    retry: tuple[bytes, bytes] | None = None
    """Key and nonce of a Retry's tag."""
    prefix: str = "quic"
    """What the labels of its keys begin with."""
    kinds: tuple[int, int, int, int] = _KINDS
    """Kinds of packets by the two bits that say so."""


_SALT_22 = bytes.fromhex("7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a")
_SALT_23 = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")
_SALT_29 = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
_SALT_1 = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_SALT_2 = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")
_RETRY_25 = (
    bytes.fromhex("4d32ecdb2a2133c841e4043df27d4430"),
    bytes.fromhex("4d1611d05513a552c587d575"),
)
_RETRY_29 = (
    bytes.fromhex("ccce187ed09a09d05728155a6cb96be1"),
    bytes.fromhex("e54930f97f2136f0530a8c1c"),
)
_RETRY_1 = (
    bytes.fromhex("be0c690b9f66575a1d766b54e368c84e"),
    bytes.fromhex("461599d35d632bf2239825bb"),
)
_RETRY_2 = (
    bytes.fromhex("8fb4b01b56ac48e260fbcbcead7ccc92"),
    bytes.fromhex("d86969bc2d7c6d9990efb04a"),
)


def _draft(number: int) -> Version:
    name = f"draft-{number}"
    if number == 22:
        return Version(name, _SALT_22)
    if number < 29:
        return Version(name, _SALT_23, _RETRY_25 if number >= 25 else None)
    return Version(name, _SALT_29, _RETRY_29) if number < 33 else Version(name, _SALT_1, _RETRY_1)


VERSIONS = {
    0x00000001: Version("1", _SALT_1, _RETRY_1),
    0x6B3343CF: Version("2", _SALT_2, _RETRY_2, "quicv2", _KINDS_2),
    **{0xFF000000 | number: _draft(number) for number in range(22, 35)},
    0xFACEB001: Version("mvfst-1", _SALT_22),
    0xFACEB002: Version("mvfst-2", _SALT_23, _RETRY_25),
    0xFACEB00E: Version("mvfst-e", _SALT_23, _RETRY_25),
}


def name_of(number: int) -> str:
    """Return a version as people write it; in hexadecimal where it is not known."""
    known = VERSIONS.get(number)
    return known.name if known else f"{number:08x}"
