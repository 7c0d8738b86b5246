"""Messages and packets of both networks, built by hand from their descriptions."""

import base64
import hashlib
import struct
import zlib
from ipaddress import ip_address

from backchannel.model import Endpoint
from backchannel.protocols import Start

TCP = Start("tcp", Endpoint("192.0.2.1", 40000), Endpoint("192.0.2.2", 80))
UDP = Start("udp", Endpoint("192.0.2.1", 6346), Endpoint("192.0.2.2", 53))

GUID = bytes.fromhex("00112233445566778899aabbccddeeff")
SERVENT = bytes.fromhex("74e83102414c9fb617abb10c9760594a")
CONTENT = b"what is shared" * 100
SHA1 = hashlib.sha1(CONTENT).digest()
URN = b"urn:sha1:" + base64.b32encode(SHA1)

CONNECT = b"GNUTELLA CONNECT/0.6\r\nUser-Agent: LimeWire/4.9.8\r\nX-Ultrapeer: False\r\n\r\n"
OK = b"GNUTELLA/0.6 200 OK\r\nUser-Agent: BearShare 5.1\r\nX-Ultrapeer: True\r\n\r\n"
CONFIRM = b"GNUTELLA/0.6 200 OK\r\n\r\n"
G2_CONNECT = (
    b"GNUTELLA CONNECT/0.6\r\nUser-Agent: Shareaza 2.7.1.0\r\nX-Hub: False\r\n"
    b"Accept: application/x-gnutella2\r\n\r\n"
)
G2_OK = (
    b"GNUTELLA/0.6 200 OK\r\nUser-Agent: Shareaza 2.7.1.0\r\nX-Hub: True\r\n"
    b"Accept: application/x-gnutella2\r\nContent-Type: application/x-gnutella2\r\n\r\n"
)
G2_CONFIRM = b"GNUTELLA/0.6 200 OK\r\nContent-Type: application/x-gnutella2\r\n\r\n"


def message(kind: int, body: bytes = b"", *, guid: bytes = GUID, ttl: int = 3, hops: int = 1):
    return guid + struct.pack("<BBBI", kind, ttl, hops, len(body)) + body


def host(address: str, port: int) -> bytes:
    """An address in network order and a port, little-endian."""
    return ip_address(address).packed + struct.pack("<H", port)


def ggep(*extensions: tuple[str, bytes], cobs: bool = False, deflate: bool = False) -> bytes:
    out = b"\xc3"
    for number, (name, value) in enumerate(extensions, 1):
        flags = len(name) | (0x80 if number == len(extensions) else 0)
        flags |= (0x20 if deflate else 0) | (0x40 if cobs else 0)
        data = zlib.compress(value) if deflate else value
        data = stuffed(data) if cobs else data
        out += bytes([flags]) + name.encode() + ggep_length(len(data)) + data
    return out


def ggep_length(size: int) -> bytes:
    chunks = [size & 63 | 0x40]
    while size := size >> 6:
        chunks.insert(0, size & 63 | 0x80)
    return bytes(chunks)


def stuffed(data: bytes) -> bytes:
    """COBS by its definition: each block is its length plus one, then bytes without a zero."""
    return b"".join(bytes([len(block) + 1]) + block for block in data.split(b"\0"))


def pong(address: str, port: int, files: int = 0, kilobytes: int = 0, extra: bytes = b"") -> bytes:
    body = struct.pack("<H", port) + ip_address(address).packed
    return message(0x01, body + struct.pack("<II", files, kilobytes) + extra)


def query(text: bytes, extra: bytes = b"", *, flags: int = 0x8000, guid: bytes = GUID, **header):
    body = struct.pack(">H", flags) + text + b"\0" + extra
    return message(0x80, body, guid=guid, **header)


def result(index: int, size: int, name: bytes, extra: bytes = b"") -> bytes:
    return struct.pack("<II", index, size) + name + b"\0" + extra + b"\0"


def hit(
    *results: bytes,
    address: str = "198.51.100.7",
    port: int = 6346,
    trailer: bytes = b"LIME\x02\x39\x34",
    guid: bytes = GUID,
    servent: bytes = SERVENT,
) -> bytes:
    head = struct.pack("<BH", len(results), port) + ip_address(address).packed
    body = head + struct.pack("<I", 1000) + b"".join(results) + trailer + servent
    return message(0x81, body, guid=guid)


def push(address: str, port: int, index: int = 5, extra: bytes = b"") -> bytes:
    body = SERVENT + struct.pack("<I", index) + ip_address(address).packed
    return message(0x40, body + struct.pack("<H", port) + extra)


def vendor(code: bytes, selector: int, version: int, data: bytes = b"", guid: bytes = GUID):
    body = code + struct.pack("<HH", selector, version) + data
    return message(0x31, body, guid=guid, ttl=1, hops=0)


def packet(name: str, *children: bytes, payload: bytes = b"") -> bytes:
    """A Gnutella2 packet."""
    body = b"".join(children)
    if children and payload:
        body += b"\0"
    body += payload
    length = b"" if not body else len(body).to_bytes((len(body).bit_length() + 7) // 8, "little")
    control = len(length) << 6 | len(name) - 1 << 3 | (4 if children else 0)
    if not length and not control:
        control = 4  # a zero control byte would end the list that this packet is in
    return bytes([control]) + length + name.encode() + body


def layered(
    payload: bytes,
    *,
    sequence: int = 1,
    size: int = 400,
    deflate: bool = False,
    tag: bytes = b"GND",
) -> list[bytes]:
    """The datagrams of the semi-reliable layer that carry *payload*."""
    payload = zlib.compress(payload) if deflate else payload
    parts = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    return [
        tag + struct.pack(">BHBB", 2 | deflate, sequence, number, len(parts)) + part
        for number, part in enumerate(parts, 1)
    ]
