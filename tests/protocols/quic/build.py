"""QUIC packets made by hand, with keys by another implementation of HKDF than the decoder's."""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from tests.protocols.tls.test_session import answer, extension, hello, sized

from backchannel.model import Side
from backchannel.protocols.quic.versions import VERSIONS
from backchannel.protocols.quic.wire import read_packet

C, S = Side.CLIENT, Side.SERVER
V1, V2, D29 = 0x00000001, 0x6B3343CF, 0xFF00001D
TARGET, CLIENT_ID, SERVER_ID = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08", b"caller", b"\xf0\x67\xa5\x50\2"
PING, NOTHING = b"\1", b""
TLS13 = extension(43, b"\3\4")
PARAMETERS = extension(57, b"\1\2\x67\x10")


def varint(value):
    for power, size in enumerate((1, 2, 4, 8)):
        if value < 1 << 8 * size - 2:
            return (value | power << 8 * size - 2).to_bytes(size)
    raise ValueError(value)


def crypto(data, offset=0):
    return b"\6" + varint(offset) + varint(len(data)) + data


def ack(largest=0, ranges=((0, 0),), counts=None):
    body = bytes([3 if counts else 2]) + varint(largest) + varint(25) + varint(len(ranges))
    return body + b"\0" + b"".join(map(varint, sum(ranges, ()) + (counts or ())))


def expand(secret, label, size):
    text = b"tls13 " + label.encode()
    info = size.to_bytes(2) + sized(text, 1) + b"\0"
    return HKDFExpand(SHA256(), size, info).derive(secret)


def secret(version, target, role):
    made = HMAC(VERSIONS[version].salt, SHA256())
    made.update(target)
    return expand(made.finalize(), "client in" if role is C else "server in", 32)


def protect(header, number, payload, *, version=V1, target=TARGET, role=C):
    """Return a packet: *header* ends where the number begins, which takes as many bytes as it
    says.
    """
    prefix = VERSIONS[version].prefix
    base = secret(version, target, role)
    key, iv, hp = (
        expand(base, f"{prefix} {part}", size)
        for part, size in (("key", 16), ("iv", 12), ("hp", 16))
    )
    size = (header[0] & 3) + 1
    sent = (number & (1 << 8 * size) - 1).to_bytes(size)
    nonce = (int.from_bytes(iv) ^ number).to_bytes(12)
    sealed = AESGCM(key).encrypt(nonce, payload, header + sent)
    sample = sealed[4 - size : 20 - size]
    mask = Cipher(AES(hp), ECB()).encryptor().update(sample)
    hidden = bytes(byte ^ bits for byte, bits in zip(sent, mask[1:], strict=False))
    return bytes([header[0] ^ mask[0] & 0x0F]) + header[1:] + hidden + sealed


def head(kind, version, target, source, *, low=3, fixed=0x40):
    """A long header as far as all kinds have it."""
    bits = VERSIONS[version].kinds.index(kind)
    first = 0x80 | fixed | bits << 4 | low
    return bytes([first]) + version.to_bytes(4) + sized(target, 1) + sized(source, 1)


def initial(
    payload,
    *,
    version=V1,
    role=C,
    keyed=TARGET,
    target=None,
    source=None,
    token=b"",
    number=0,
    numbered=4,
    size=1200,
    fixed=0x40,
):
    """An Initial of *role* that fills a datagram of *size* bytes; 0: as long as it needs to be.

    *keyed*: the connection ID that its key follows from.
    """
    if target is None:
        target = keyed if role is C else CLIENT_ID
    if source is None:
        source = CLIENT_ID if role is C else SERVER_ID
    start = head(0, version, target, source, low=numbered - 1, fixed=fixed)
    start += varint(len(token)) + token
    if size:
        payload += bytes(max(0, size - len(start) - 2 - numbered - len(payload) - 16))
    start += (0x4000 | numbered + len(payload) + 16).to_bytes(2)
    return protect(start, number, payload, version=version, target=keyed, role=role)


def early(target=TARGET, version=V1):
    """A 0-RTT packet, of which nobody can tell what it holds."""
    return head(1, version, target, CLIENT_ID) + varint(64) + bytes(64)


def retry(source=SERVER_ID, token=b"come again", version=V1, asked=TARGET):
    """A Retry with its tag."""
    packet = head(3, version, CLIENT_ID, source) + token
    key, nonce = VERSIONS[version].retry
    return packet + AESGCM(key).encrypt(nonce, b"", sized(asked, 1) + packet)


def negotiation(*versions, target=CLIENT_ID, source=TARGET):
    told = b"".join(version.to_bytes(4) for version in versions)
    return b"\xca" + bytes(4) + sized(target, 1) + sized(source, 1) + told


def greeting(name=b"web.telegram.org", extra=b""):
    """A client's hello as QUIC has it: only TLS 1.3, with transport parameters."""
    alpn = extension(16, sized(b"\2h3"))
    return hello(name, alpn + extension(43, b"\2\3\4") + PARAMETERS + extra)


def reply():
    """A server's hello."""
    return answer(extra=TLS13)


GREETING = greeting()
HELLO = initial(crypto(GREETING))
ANSWER = initial(ack() + crypto(reply()), role=S)
SHORT = b"\x4f" + bytes(60)
"""A packet as all later ones are."""
TALK = [(C, HELLO), (S, ANSWER), (C, SHORT), (S, SHORT)]


def packets(data):
    """Return the packets that a datagram holds."""
    found, at = [], 0
    while (packet := read_packet(data, at)) is not None:
        found.append(packet)
        at = packet.end
    return found
