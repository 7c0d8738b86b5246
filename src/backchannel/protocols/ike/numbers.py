"""ISAKMP's sizes and numbers, as far as the decoder acts on them. For their names see `registry`.

RFC 2408 and RFC 2409 (IKEv1), RFC 7296 (IKEv2) and the IANA registries of both.
"""

HEADER = 28
SNAPPED = 26
"""Bytes of the header that a snap length of 68 leaves behind Ethernet, IPv4 and UDP: half of the
length is missing. For long that was tcpdump's own default."""
NOBODY = 0
"""The responder's SPI while there is none."""

VERSION_1, VERSION_2 = 0x10, 0x20
"""The version's byte: major and minor number."""


def is_version(octet: int) -> bool:
    """Whether it is the version's byte, whose minor number IKEv2 ignores (RFC 7296 §2.5)."""
    return octet == VERSION_1 or octet >> 4 == VERSION_2 >> 4


MAX_PAYLOADS = 128
"""Payloads read of one message; the longest honest ones have some forty."""

# IKEv1 exchange types, RFC 2408 §3.1, RFC 2409 appendix A, RFC 6407 §3.1
BASE, MAIN, AUTH_ONLY, AGGRESSIVE, INFORMATIONAL_1, CONFIG = 1, 2, 3, 4, 5, 6
QUICK, NEW_GROUP = 32, 33
# Microsoft's AuthIP, private exchange types of IKEv1, [MS-AIPS] §2.2.1
AUTHIP_MAIN, AUTHIP_QUICK, AUTHIP_EXTENDED, AUTHIP_NOTIFY = 243, 244, 245, 246
# IKEv2 exchange types, RFC 7296 §3.1 and the IANA registry
SA_INIT, AUTH, CREATE_CHILD, INFORMATIONAL, SESSION_RESUME = 34, 35, 36, 37, 38
INTERMEDIATE, FOLLOWUP_KE = 43, 44

# IKEv1 flags; IKEv2 flags
ENCRYPTED = 0x01
INITIATOR, RESPONSE = 0x08, 0x20

# notifies of IKEv2, RFC 7296 §3.10.1, RFC 5685, RFC 7427
INVALID_KE = 17
NAT_SOURCE, NAT_DESTINATION, COOKIE = 16388, 16389, 16390
REDIRECT, REDIRECTED_FROM = 16407, 16408
SIGNATURE_HASH = 16431

# payloads: IKEv1, IKEv2
HASH_1, FRAGMENT_1, CRYPTO = 8, 132, 133
NOTIFY, DELETE, SK, SKF = 41, 42, 46, 53
