"""Messages of eDonkey and Kad, built by hand from their descriptions."""

import struct
import zlib
from ipaddress import ip_address

from backchannel.model import Endpoint
from backchannel.protocols import Start

TCP = Start("tcp", Endpoint("192.0.2.1", 40000), Endpoint("192.0.2.2", 443))
UDP = Start("udp", Endpoint("192.0.2.1", 4672), Endpoint("192.0.2.2", 53))

ALICE = bytes.fromhex("a11ce0000e0000000000000000006f01")
BOB = bytes.fromhex("b0b000000e0000000000000000006f02")
FILE = bytes.fromhex("0123456789abcdef0123456789abcdef")


def frame(kind: int, body: bytes = b"", protocol: int = 0xE3) -> bytes:
    return struct.pack("<BIB", protocol, len(body) + 1, kind) + body


def emule(kind: int, body: bytes = b"") -> bytes:
    return frame(kind, body, 0xC5)


def packed(kind: int, body: bytes) -> bytes:
    return frame(kind, zlib.compress(body), 0xD4)


def text(data: bytes) -> bytes:
    return struct.pack("<H", len(data)) + data


def tag(name: int | bytes, value: int | bytes) -> bytes:
    """In the old form: text or a number of 32 bits."""
    label = text(bytes([name]) if isinstance(name, int) else name)
    if isinstance(value, bytes):
        return b"\2" + label + text(value)
    return b"\3" + label + struct.pack("<I", value)


def tags(*pairs: tuple[int | bytes, int | bytes]) -> bytes:
    return struct.pack("<I", len(pairs)) + b"".join(tag(*pair) for pair in pairs)


def place(address: str, port: int) -> bytes:
    return ip_address(address).packed + struct.pack("<H", port)


ABOUT = tags((1, b"alice"), (0x11, 60), (0xFB, 3 << 24 | 2 << 17 | 3 << 10 | 3 << 7))
INTRODUCED = ALICE + place("192.0.2.1", 4662) + ABOUT
NOBODY = place("0.0.0.0", 0)
LOGIN = frame(0x01, ALICE + struct.pack("<IH", 0, 4662) + ABOUT)
HELLO = frame(0x01, b"\x10" + INTRODUCED + place("198.51.100.9", 4661))
HELLO_ANSWER = frame(
    0x4C, BOB + struct.pack("<IH", 77, 4663) + tags((1, b"bob"), (0x11, 60)) + NOBODY
)


def file(hash_: bytes, name: bytes, size: int, client: int = 0, port: int = 0) -> bytes:
    return hash_ + struct.pack("<IH", client, port) + tags((1, name), (2, size), (3, b"Audio"))


def part(begin: int, data: bytes, hash_: bytes = FILE) -> bytes:
    return frame(0x46, hash_ + struct.pack("<II", begin, begin + len(data)) + data)


def packed_parts(begin: int, data: bytes, size: int = 100, hash_: bytes = FILE) -> bytes:
    """A block, packed, and cut into messages of *size* bytes."""
    stream = zlib.compress(data)
    head = hash_ + struct.pack("<II", begin, len(stream))
    pieces = (stream[at : at + size] for at in range(0, len(stream), size))
    return b"".join(emule(0x40, head + piece) for piece in pieces)
