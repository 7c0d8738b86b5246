"""OFT and rendezvous proxy bytes made by hand, from the layouts in the decoder's docstrings."""

from backchannel.model import Capability, Endpoint, Side
from backchannel.protocols import Start
from backchannel.protocols.oscar.contexts import Meeting

C, S = Side.CLIENT, Side.SERVER
COOKIE = b"7654321\0"
CLIENT, SERVER = Endpoint("10.0.0.2", 40000), Endpoint("10.0.0.5", 5190)
START = Start("tcp", CLIENT, SERVER)
MEETING = Meeting(COOKIE.hex(), Capability.FILE_TRANSFER, "alice", "bob", "alice")
SEND_FILE = bytes.fromhex("094613434c7f11d18222444553540000")
DIRECT_IM = bytes.fromhex("094613454c7f11d18222444553540000")


def announced(meeting: Meeting = MEETING) -> Start:
    accounts = (meeting.sender, meeting.recipient)
    return Start("tcp", CLIENT, SERVER, accounts=accounts, context=meeting)


def slow_checksum(data: bytes, start: int = 0xFFFF0000) -> int:
    """The algorithm as libpurple's peer_oft_checksum_chunk describes it, a byte at a time."""
    check = start >> 16
    for at, byte in enumerate(data):
        before = check
        check = (check - (byte << 8 if at % 2 == 0 else byte)) % (1 << 32)
        if check > before:
            check -= 1
    for _ in range(2):
        check = (check & 0xFFFF) + (check >> 16)
    return check << 16


def header(
    kind: int,
    name: bytes = b"plan.pdf",
    size: int = 0,
    *,
    checksum: int = 0xFFFF0000,
    received: int = 0,
    received_checksum: int = 0xFFFF0000,
    files: int = 1,
    left: int = 1,
    cookie: bytes = COOKIE,
    charset: int = 0,
    magic: bytes = b"OFT2",
    program: bytes = b"Cool FileXfer",
    columns: bytes = b"\x1c\x11",
) -> bytes:
    field = name + bytes(max(1, 64 - len(name)))
    body = kind.to_bytes(2) + cookie + bytes(4)
    body += b"".join(number.to_bytes(2) for number in (files, left, 1, 1))
    body += b"".join(number.to_bytes(4) for number in (size, size, 0, checksum))
    body += b"\xff\xff\0\0" + bytes(8) + b"\xff\xff\0\0"
    body += received.to_bytes(4) + received_checksum.to_bytes(4)
    body += program.ljust(32, b"\0") + b"\x20" + columns + bytes(69 + 16)
    body += charset.to_bytes(2) + bytes(2) + field
    return magic + (len(body) + 6).to_bytes(2) + body


def offer(data: bytes, name: bytes = b"plan.pdf", kind: int = 0x0101, **more) -> bytes:
    return header(kind, name, len(data), checksum=slow_checksum(data), **more)


def proxy(kind: int, body: bytes = b"") -> bytes:
    return (len(body) + 10).to_bytes(2) + b"\x04\x4a" + kind.to_bytes(2) + bytes(6) + body


def capability(value: bytes) -> bytes:
    return b"\0\1\0\x10" + value


def create(name: bytes = b"alice", wanted: bytes = SEND_FILE) -> bytes:
    return proxy(2, bytes([len(name)]) + name + COOKIE + (capability(wanted) if wanted else b""))


def join(name: bytes = b"bob", wanted: bytes = SEND_FILE) -> bytes:
    return proxy(4, bytes([len(name)]) + name + b"\x03\xef" + COOKIE + capability(wanted))


CREATED = proxy(3, b"\x03\xef" + bytes([198, 51, 100, 50]))
READY = proxy(5)
