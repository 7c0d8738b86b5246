"""OSCAR bytes made by hand, from the layouts in the module docstrings of the decoder."""

from tests import kit

from backchannel.model import Endpoint, Side
from backchannel.protocols import Peek, Start
from backchannel.protocols.oscar.session import Session

START = Start("tcp", Endpoint("192.0.2.10", 40000), Endpoint("198.51.100.1", 5190))
C, S = Side.CLIENT, Side.SERVER


def u16(value: int) -> bytes:
    return value.to_bytes(2)


def u32(value: int) -> bytes:
    return value.to_bytes(4)


def le16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def le32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def name8(text: str) -> bytes:
    return bytes([len(text.encode())]) + text.encode()


def text16(data: bytes) -> bytes:
    return u16(len(data)) + data


def lnts(text: bytes) -> bytes:
    """A string as ICQ writes it: little-endian length with the NUL."""
    return le16(len(text) + 1) + text + b"\0"


def tlv(tag: int, value: bytes = b"") -> bytes:
    return u16(tag) + u16(len(value)) + value


def info(name: str, *tlvs: bytes, warning: int = 0) -> bytes:
    return name8(name) + u16(warning) + u16(len(tlvs)) + b"".join(tlvs)


def guid(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))


SEND_FILE = guid("09461343-4C7F-11D1-8222-444553540000")
GET_FILE = guid("09461348-4C7F-11D1-8222-444553540000")
DIRECT_IM = guid("09461345-4C7F-11D1-8222-444553540000")
TALK = guid("09461341-4C7F-11D1-8222-444553540000")
GAME = guid("0946134A-4C7F-11D1-8222-444553540000")
ADD_IN = guid("09461347-4C7F-11D1-8222-444553540000")
ICON = guid("09461346-4C7F-11D1-8222-444553540000")
CONTACTS = guid("0946134B-4C7F-11D1-8222-444553540000")
RELAY = guid("09461349-4C7F-11D1-8222-444553540000")
ICQ_DIRECT = guid("09461344-4C7F-11D1-8222-444553540000")
CHAT = guid("748F2420-6287-11D1-8222-444553540000")
COOKIE = b"1234567\0"
AUTH_COOKIE = bytes(range(256))


def flap(channel: int, payload: bytes, sequence: int = 0) -> bytes:
    return bytes([0x2A, channel]) + u16(sequence) + u16(len(payload)) + payload


def snac(
    family: int, subtype: int, body: bytes = b"", *, flags: int = 0, request: int = 0
) -> bytes:
    return u16(family) + u16(subtype) + u16(flags) + u32(request) + body


def hello(*tlvs: bytes) -> bytes:
    return b"\0\0\0\x01" + b"".join(tlvs)


class Talk:
    """A connection under way: each call feeds one frame, and returns what it told."""

    def __init__(self, account: str = "alice", start: Start = START) -> None:
        self.session = Session(start)
        self.sequence = [100, 200]
        if account:
            self.frame(S, 2, snac(1, 0x0F, info(account)))

    def frame(self, side: Side, channel: int, payload: bytes) -> list:
        self.sequence[side] += 1
        return self.session.feed(side, flap(channel, payload, self.sequence[side]))

    def c(self, family: int, subtype: int, body: bytes = b"", **more: int) -> list:
        return self.frame(C, 2, snac(family, subtype, body, **more))

    def s(self, family: int, subtype: int, body: bytes = b"", **more: int) -> list:
        return self.frame(S, 2, snac(family, subtype, body, **more))


def part(text: bytes, charset: int = 0) -> bytes:
    """One text fragment of a channel 1 message."""
    return b"\x01\x01" + text16(u16(charset) + u16(0) + text)


def im(to: str, *parts: bytes, more: bytes = b"", channel: int = 1) -> bytes:
    """04/06 on channel 1."""
    features = b"\x05\x01" + text16(b"\x01\x01\x01\x02")
    body = tlv(2, features + b"".join(parts)) + more
    return COOKIE + u16(channel) + name8(to) + body


def im_from(sender: str, *parts: bytes, more: bytes = b"") -> bytes:
    """04/07 on channel 1."""
    return COOKIE + u16(1) + info(sender) + tlv(2, b"".join(parts)) + more


def meet(status: int, capability: bytes, *tlvs: bytes, cookie: bytes = COOKIE) -> bytes:
    """TLV 5 of a channel 2 message."""
    return tlv(5, u16(status) + cookie + capability + b"".join(tlvs))


def propose(to: str, capability: bytes, *tlvs: bytes, status: int = 0) -> bytes:
    """04/06 on channel 2."""
    return COOKIE + u16(2) + name8(to) + meet(status, capability, *tlvs)


def proposed(sender: str, capability: bytes, *tlvs: bytes, status: int = 0) -> bytes:
    """04/07 on channel 2."""
    return COOKIE + u16(2) + info(sender) + meet(status, capability, *tlvs)


def address(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


def place(own: str, port: int, number: int = 1, verified: str = "") -> bytes:
    """The address TLVs of a proposal."""
    more = tlv(4, address(verified)) if verified else b""
    where = tlv(2, address(own)) + tlv(3, address(own)) + more
    return where + tlv(5, u16(port)) + tlv(0x0A, u16(number)) + tlv(0x0F)


def events(outputs: list, kind: type | None = None) -> list:
    return kit.events([(C, output) for output in outputs], kind)


def effects(outputs: list, kind: type | None = None) -> list:
    return kit.effects([(C, output) for output in outputs], kind)


def peek(client: bytes = b"", server: bytes = b"", *, begun: bool = True) -> Peek:
    return Peek("tcp", client, server, begun, START)
