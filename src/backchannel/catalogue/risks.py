"""What a service is and what it risks, in the catalogue's words: all that a scan needs of them."""

from typing import Literal

import msgspec

Kind = Literal[
    "instant-messaging",
    "peer-to-peer",
    "tunnel",
    "proxy",
    "voice",
    "remote-control",
    "collaboration",
]
RiskId = Literal[
    "cleartext",
    "credential-exposure",
    "file-transfer",
    "malware",
    "misconfigured-sharing",
    "address-disclosure",
    "identity-theft",
    "social-engineering",
    "known-exploit",
    "remote-control",
    "spyware",
    "message-logging",
    "bandwidth-copyright",
    "evasion",
    "nat-breakage",
    "weak-tunnel",
    "tunnel-abuse",
]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all parts; a field that is not known is an error, not a comment."""


class Matrix2002(Part, frozen=True, kw_only=True):
    """The service's row in the white paper's threat matrix of April 2002."""

    unencrypted: bool
    file_transfer: bool
    known_buffer_overflows: bool
    remote_control: bool
    known_worms: bool
    spyware: bool
    social_engineering: bool
    bandwidth_copyright: bool
    targeted_by_viruses: bool
    source: str


PAPER = {
    "unencrypted": "unencrypted",
    "file_transfer": "file transfer",
    "known_buffer_overflows": "known buffer overflows",
    "remote_control": "remote control",
    "known_worms": "known worms",
    "spyware": "spyware",
    "social_engineering": "social engineering",
    "bandwidth_copyright": "misuse of bandwidth, copyright",
    "targeted_by_viruses": "targeted by known viruses",
}
"""The columns of that matrix in words, in its order."""
PAPER_SOURCE = (
    "Internet Security Systems X-Force, Risk Exposure Through Instant Messaging and Peer-to-Peer "
    "Networks, April 2002, appendix"
)
