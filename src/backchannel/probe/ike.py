"""IKE's hellos: the first message of IKEv2 and IKEv1, with today's algorithms and with old ones.

A responder answers what it would agree to, so that one question with strong algorithms and one with
weak ones shows what it accepts. On port 4500 each stands behind the non-ESP marker (RFC 3948 §2.2).
Formats and numbers: RFC 7296 §3, RFC 2408 §3, RFC 2409 appendix A, IANA's registries of IKE.
Nothing is ever finished: a responder keeps a half-open association for some seconds.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

from backchannel.model import Endpoint
from backchannel.probe.hello import Asked, Hello

MARKED = 4500
_SA, _KE, _NONCE, _NOTIFY, _SA_1, _ID_1, _KE_1, _NONCE_1, _VENDOR_1 = (
    33, 34, 40, 41, 1, 5, 4, 10, 13,
)  # fmt: skip
_INVALID_KE, _COOKIE = 17, 16390
_LONGEST_COOKIE = 64
_SIZES = {1: 96, 2: 128, 5: 192, 14: 256, 15: 384, 16: 512, 18: 1024, 31: 32}
"""Bytes of a public value by group, for groups in which any bytes are one."""
_POINTS = {
    19: "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    20: "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e"
    "3872760ab73617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e81"
    "9d7a431d7c90ea0e5f",
}
"""Curves on which not every number is a point: the base points of P-256 and P-384 (SEC 2)."""


@dataclass(frozen=True)
class Proposal:
    """Algorithms of one proposal by their numbers: (number, key bits or 0)."""

    encryption: tuple[tuple[int, int], ...]
    prf: tuple[int, ...]
    integrity: tuple[int, ...]
    groups: tuple[int, ...]


_HASHES = (5, 6, 7)  # HMAC-SHA2-256, 384, 512
_GROUPS = (31, 19, 20, 14, 15, 16)
MODERN = (
    Proposal(((20, 256), (20, 128), (28, 256)), _HASHES, (), _GROUPS),
    Proposal(((12, 256), (12, 128)), _HASHES, (12, 13, 14), _GROUPS),
)
"""AES-GCM and ChaCha20-Poly1305, then AES-CBC with SHA-2; Curve25519, P-256, P-384, MODP 2048 and
more. RFC 8247 calls them good."""
OLD = (Proposal(((3, 0), (2, 0), (12, 128)), (2, 1), (2, 1), (2, 1, 5)),)
"""3DES and DES, SHA-1 and MD5, MODP 1024, 768 and 1536: what nobody should accept any more."""


def init(
    asked: Asked, proposals: tuple[Proposal, ...], group: int = 0, cookie: bytes = b""
) -> bytes:
    """Return an IKE_SA_INIT (RFC 7296 §1.2) whose public value is of *group*, or of the one that
    is likely; with the *cookie* that was asked for in front.
    """
    offered = proposals[0].groups
    group = group or (14 if 14 in offered else offered[0])
    spi = asked.nonce[:8]
    parts = [(_NOTIFY, struct.pack(">BBH", 0, 0, _COOKIE) + cookie)] if cookie else []
    parts += [
        (_SA, b"".join(_proposal(place, each, proposals) for place, each in enumerate(proposals))),
        (_KE, struct.pack(">HH", group, 0) + _public(group, asked.nonce)),
        (_NONCE, asked.nonce),
        (_NOTIFY, struct.pack(">BBH", 0, 0, 16388) + _hash(asked.client, spi)),
        (_NOTIFY, struct.pack(">BBH", 0, 0, 16389) + _hash(asked.server, spi)),
        (_NOTIFY, struct.pack(">BBH", 0, 0, 16430)),
    ]
    return _message(spi, 0x20, 34, 0x08, parts)


def _proposal(place: int, one: Proposal, among: tuple[Proposal, ...]) -> bytes:
    kinds = (
        [(1, number, bits) for number, bits in one.encryption]
        + [(2, number, 0) for number in one.prf]
        + [(3, number, 0) for number in one.integrity]
        + [(4, number, 0) for number in one.groups]
    )
    made = b""
    for at, (kind, number, bits) in enumerate(kinds):
        attribute = struct.pack(">HH", 0x800E, bits) if bits else b""
        more = 3 if at + 1 < len(kinds) else 0
        made += struct.pack(">BBHBBH", more, 0, 8 + len(attribute), kind, 0, number) + attribute
    more = 2 if place + 1 < len(among) else 0
    return struct.pack(">BBHBBBB", more, 0, 8 + len(made), place + 1, 1, 0, len(kinds)) + made


def _public(group: int, nonce: bytes) -> bytes:
    if group in _POINTS:
        return bytes.fromhex(_POINTS[group])
    return b"\x01" + (nonce * 32)[: _SIZES[group] - 1]


def _hash(end: Endpoint, spi: bytes) -> bytes:
    """Return the hash by which NATs are noticed (RFC 7296 §2.23)."""
    address, port = end.address, end.port
    packed = ip_address(address.partition("%")[0]).packed
    return hashlib.sha1(spi + bytes(8) + packed + struct.pack(">H", port)).digest()


def _message(
    spi: bytes, version: int, exchange: int, flags: int, parts: list[tuple[int, bytes]]
) -> bytes:
    body = b""
    kinds = [kind for kind, _ in parts]
    for (_, data), following in zip(parts, [*kinds[1:], 0], strict=True):
        body += struct.pack(">BBH", following, 0, 4 + len(data)) + data
    head = struct.pack(">BBBBII", kinds[0], version, exchange, flags, 0, 28 + len(body))
    return spi + bytes(8) + head + body


def _again(proposals: tuple[Proposal, ...], asked: Asked, answers: Sequence[bytes]) -> bytes:
    """Ask once more with the cookie that a gateway wants back which has many associations half
    open, and in the group that it names (RFC 7296 §2.6, §1.2). Both may be wanted, one by one.
    """
    newest, cookie, group = False, b"", 0
    for answer in answers:
        told = dict(_notified(answer[4:] if answer[:4] == bytes(4) else answer))
        named = int.from_bytes(told.get(_INVALID_KE, b"")[:2], "big")
        newest = bool(told.get(_COOKIE)) or named in proposals[0].groups
        cookie = told.get(_COOKIE, cookie)[:_LONGEST_COOKIE]
        group = named if named in proposals[0].groups else group
    return marked(asked, init(asked, proposals, group, cookie)) if newest else b""


def _notified(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield types and data of a message's notifications (RFC 7296 §3.2, §3.10)."""
    kind, at = message[16:17], 28
    while kind and kind[0] and at + 4 <= len(message):
        size = int.from_bytes(message[at + 2 : at + 4], "big")
        body = message[at + 4 : at + size]
        if size < 4:
            return
        if kind[0] == _NOTIFY and len(body) >= 4:
            yield int.from_bytes(body[2:4], "big"), body[4 + body[1] :]
        kind, at = message[at : at + 1], at + size


def marked(asked: Asked, message: bytes) -> bytes:
    """Return *message* as it goes to the port: behind four zero bytes on 4500."""
    return bytes(4) + message if asked.server.port == MARKED else message


# -- IKEv1 -----------------------------------------------------------------------------------------

_TRANSFORMS = tuple(
    (cipher, bits, digest, authentication, group)
    for cipher, bits, digests in ((7, 256, (4, 2)), (7, 128, (4, 2)), (5, 0, (2, 1)))
    for digest in digests
    for authentication in (1, 3)
    for group in (14, 2)
)
"""AES with SHA-256 and SHA-1, 3DES with SHA-1 and MD5; shared key and RSA signatures; MODP 2048 and
1024."""
_NAT_T = bytes.fromhex("4a131c81070358455c5728f20e95452f")
"""The vendor id of RFC 3947: MD5 of its name."""


def _security_association(transforms: tuple[tuple[int, ...], ...]) -> bytes:
    made = b""
    for place, (cipher, bits, digest, authentication, group) in enumerate(transforms):
        pairs = [(1, cipher), (2, digest), (3, authentication), (4, group), (11, 1), (12, 28800)]
        if bits:
            pairs.insert(1, (14, bits))
        attributes = b"".join(struct.pack(">HH", 0x8000 | kind, value) for kind, value in pairs)
        more = 3 if place + 1 < len(transforms) else 0
        size = 8 + len(attributes)
        made += struct.pack(">BBHBBH", more, 0, size, place + 1, 1, 0) + attributes
    proposal = struct.pack(">BBHBBBB", 0, 0, 8 + len(made), 1, 1, 0, len(transforms)) + made
    return struct.pack(">II", 1, 1) + proposal


def _main(asked: Asked) -> bytes:
    parts = [(_SA_1, _security_association(_TRANSFORMS)), (_VENDOR_1, _NAT_T)]
    return marked(asked, _message(asked.nonce[:8], 0x10, 2, 0, parts))


def _aggressive(asked: Asked, group: int = 14, spi: bytes = b"") -> bytes:
    """An aggressive mode in the name of nobody: who answers gives away a hash of its shared key.

    It has one group, as the public value stands beside the proposals.
    """
    transforms = tuple(each for each in _TRANSFORMS if each[3:] == (1, group))
    parts = [
        (_SA_1, _security_association(transforms)),
        (_KE_1, _public(group, asked.nonce)),
        (_NONCE_1, asked.nonce[:20]),
        (_ID_1, struct.pack(">BBH", 11, 17, 500) + b"backchannel-probe"),
        (_VENDOR_1, _NAT_T),
    ]
    return marked(asked, _message(spi or asked.nonce[:8], 0x10, 4, 0, parts))


def _older(asked: Asked, answers: Sequence[bytes]) -> bytes:
    """Ask once more, with MODP 1024, who refused MODP 2048 with a notification (RFC 2408 §3.14)."""
    answer = answers[-1]
    message = answer[4:] if answer[:4] == bytes(4) else answer
    refused = message[18:19] == b"\x05" and message[16:17] == b"\x0b"
    return _aggressive(asked, 2, asked.nonce[8:16]) if refused else b""


_PORTS = 500, MARKED
ROUNDS = 3
"""A cookie, a group, and a cookie again, which a gateway may want for what was changed."""
_ABOUT = "the gateway keeps a half-open association for some seconds"
HELLOS = (
    Hello(
        "ikev2",
        ("ike",),
        "udp",
        lambda asked: marked(asked, init(asked, MODERN)),
        "RFC 7296 §1.2, §3; on 4500 RFC 3948 §2.2",
        reply=partial(_again, MODERN),
        rounds=ROUNDS,
        ports=_PORTS,
        about=_ABOUT,
    ),
    Hello(
        "ikev2-old",
        ("ike",),
        "udp",
        lambda asked: marked(asked, init(asked, OLD)),
        "RFC 7296 §1.2, with what RFC 8247 calls weak",
        reply=partial(_again, OLD),
        rounds=ROUNDS,
        after=("ike",),
        about=_ABOUT,
    ),
    Hello(
        "ikev1-main", ("ike",), "udp", _main, "RFC 2408, RFC 2409 §5.4", ports=_PORTS, about=_ABOUT
    ),
    Hello(
        "ikev1-aggressive",
        ("ike",),
        "udp",
        _aggressive,
        "RFC 2409 §5.4",
        reply=_older,
        ports=_PORTS,
        needs="aggressive",
        about="the gateway sends a hash of its shared key, and may log an attempt to sign on",
    ),
)
