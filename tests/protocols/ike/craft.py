"""IKE, ESP and their carriers made by hand from the RFCs, for what no capture shows."""

import hashlib
import hmac
import struct
from ipaddress import ip_address

from tests import kit

from backchannel.model import Endpoint, Side
from backchannel.protocols import Start
from backchannel.protocols.ike.session import Session

C, S = Side.CLIENT, Side.SERVER
CLIENT, SERVER = Endpoint("10.0.0.2", 500), Endpoint("198.51.100.9", 500)
START = Start("udp", CLIENT, SERVER)
NATT = Start("udp", Endpoint("10.0.0.2", 4500), Endpoint("198.51.100.9", 4500))
ODD = Start("udp", Endpoint("10.0.0.2", 40000), Endpoint("198.51.100.9", 9999))
TCP = Start("tcp", Endpoint("10.0.0.2", 40000), Endpoint("198.51.100.9", 4500))
SPI_I, SPI_R, NONE = b"INITIATE", b"RESPONSE", bytes(8)
MARKER = bytes(4)


def u16(value):
    return value.to_bytes(2, "big")


def u32(value):
    return value.to_bytes(4, "big")


def message(version, exchange, flags, payloads, *, i=SPI_I, r=SPI_R, mid=0, first=None):
    """A whole message. *payloads* is a list of (number, body), or bytes with *first*."""
    if isinstance(payloads, bytes):
        body, kind = payloads, first
    else:
        body, kind = chain(payloads)
    return (
        i
        + r
        + struct.pack(">BBBBII", kind, version << 4, exchange, flags, mid, 28 + len(body))
        + body
    )


def chain(payloads):
    """Payloads one behind the other, and the number of the first."""
    kinds = [kind for kind, _ in payloads] + [0]
    parts = [
        struct.pack(">BBH", following, 0, 4 + len(body)) + body
        for (_, body), following in zip(payloads, kinds[1:], strict=True)
    ]
    return b"".join(parts), kinds[0]


def request(exchange, payloads, **how):
    return message(2, exchange, 0x08, payloads, **how)


def response(exchange, payloads, **how):
    return message(2, exchange, 0x20, payloads, **how)


def sk(inside, size=60, kind=46):
    """An encrypted payload as the last of a message: its header names what is inside."""
    body = bytes(range(size)) if kind == 46 else size
    return struct.pack(">BBH", inside, 0, 4 + len(body)) + body


def protected(flags, exchange, inside, mid, **how):
    return message(2, exchange, flags, sk(inside), mid=mid, first=46, **how)


def attribute(kind, value):
    return u16(0x8000 | kind) + u16(value)


def long_attribute(kind, value):
    return u16(kind) + u16(len(value)) + value


def linked(parts, more):
    """Substructures: each says whether another one follows."""
    return b"".join(
        struct.pack(">BBH", more if at < len(parts) - 1 else 0, 0, 4 + len(part)) + part
        for at, part in enumerate(parts)
    )


def transform(kind, number, bits=None):
    tail = attribute(14, bits) if bits is not None else b""
    return bytes([kind, 0]) + u16(number) + tail


def proposal(number, transforms, protocol=1, spi=b""):
    return bytes([number, protocol, len(spi), len(transforms)]) + spi + linked(transforms, 3)


def sa(*proposals):
    """An SA payload of IKEv2."""
    return 33, linked(list(proposals), 2)


SA = sa(proposal(1, [transform(1, 20, 256), transform(2, 5), transform(4, 31)]))
KE, NONCE = (34, u16(31) + bytes(2) + bytes(range(32))), (40, b"n" * 32)


def notify(number, data=b"", protocol=0, spi=b""):
    return 41, bytes([protocol, len(spi)]) + u16(number) + spi + data


def nat_hash(address, port, *, i=SPI_I, r=SPI_R, algorithm="sha1"):
    return hashlib.new(algorithm, i + r + ip_address(address).packed + u16(port)).digest()


def sa_init(*more, **how):
    return request(34, [SA, KE, NONCE, *more], **{"r": NONE, **how})


def sa_answer(*more, **how):
    return response(34, [SA, KE, NONCE, *more], **how)


# -- IKEv1 -------------------------------------------------------------------------------------


def transform_1(number, attributes, identifier=1):
    return bytes([number, identifier, 0, 0]) + b"".join(attributes)


def phase_1(encryption=7, hash_=2, auth=1, group=14, *, bits=None, life=(1, 28800)):
    found = [attribute(1, encryption), attribute(2, hash_), attribute(3, auth), attribute(4, group)]
    found += [attribute(11, life[0]), long_attribute(12, u32(life[1]))]
    return found + ([attribute(14, bits)] if bits else [])


def sa_1(*transforms, protocol=1, doi=1):
    numbered = [transform_1(at + 1, found) for at, found in enumerate(transforms)]
    body = bytes([1, protocol, 0, len(numbered)]) + linked(numbered, 3)
    return 1, u32(doi) + u32(1) + linked([body], 2)


def identity(kind, value):
    return 5, bytes([kind, 17]) + u16(500) + value


def main(payloads, **how):
    return message(1, 2, 0, payloads, **how)


def aggressive(payloads, **how):
    return message(1, 4, 0, payloads, **how)


G_XI, G_XR, NI, NR = b"I" * 128, b"R" * 128, b"i" * 20, b"r" * 20


def aggressive_pair(secret=b"sesame", algorithm="sha1", hash_=2, auth=1, *, who=b"group"):
    """Both messages of an aggressive mode with a pre-shared key; HASH_R as RFC 2409 §5 says."""
    offer = sa_1(phase_1(hash_=hash_, auth=auth))
    us = identity(2, b"gateway")
    skeyid = hmac.digest(secret, NI + NR, algorithm)
    covered = G_XR + G_XI + SPI_R + SPI_I + offer[1] + us[1]
    hash_r = hmac.digest(skeyid, covered, algorithm)
    first = aggressive([offer, (4, G_XI), (10, NI), identity(11, who)], r=NONE)
    second = aggressive([offer, (4, G_XR), (10, NR), us, (8, hash_r)])
    return first, second


def encrypted_1(exchange, mid, size=64, first=8):
    return message(1, exchange, 1, bytes(range(size)), mid=mid, first=first)


# -- ESP ---------------------------------------------------------------------------------------


def esp(spi, sequence, size=100):
    """An ESP packet with a body that looks encrypted; *size* is that of the whole."""
    body = b"".join(
        hashlib.sha256(struct.pack(">III", spi, sequence, at)).digest()
        for at in range(size // 32 + 1)
    )
    return u32(spi) + u32(sequence) + body[: size - 8]


def frame(contents):
    return u16(len(contents) + 2) + contents


def decode(steps, start=START):
    """What a session tells about *steps*, with its state at the end."""
    session = Session(start)
    return kit.decode(session, steps), session


def events(steps, kind=None, start=START):
    return kit.events(decode(steps, start)[0], kind)
