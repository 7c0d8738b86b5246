"""Builds FastTrack sessions for tests: what one would put on the wire, encrypted and all."""

from backchannel.model import Side
from backchannel.protocols.fasttrack.cipher import Cipher, unmask

GIFT = 0xFA00B62B
# Where a header's type high, type low, length high and length low go, by the number modulo 3.
ORDERS = {0: (1, 0, 2, 3), 1: (0, 2, 1, 3), 2: (0, 3, 2, 1)}


def u32(value):
    return value.to_bytes(4, "big")


def u16(value):
    return value.to_bytes(2, "big")


def hello(seed=0xFACB1238, kind=0x29, nonce=GIFT):
    return u32(nonce) + u32(seed) + u32(unmask(seed, kind))


def answer(seed, kind):
    return u32(seed) + u32(unmask(seed, kind))


def ipv4(text):
    return bytes(map(int, text.split(".")))


def place(address, port):
    return ipv4(address) + u16(port)


def packed(value):
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def tag(number, value):
    return packed(number) + packed(len(value)) + value


def file(digest, number, size, *tags):
    return digest + packed(number) + packed(size) + packed(len(tags)) + b"".join(tags)


class Talk:
    """A session in the making. *steps* is the conversation so far."""

    def __init__(self, kind=0x29, *, asked=0x29, network=b"KaZaA", seeds=(0xFACB1238, 0x16A2569A)):
        client, server = seeds
        self.steps = [(Side.CLIENT, hello(client, asked)), (Side.SERVER, answer(server, kind))]
        self.ciphers = {
            Side.CLIENT: Cipher(client ^ server, kind),
            Side.SERVER: Cipher(server, kind),
        }
        self.numbers = dict.fromkeys(Side, 81)
        for side in (Side.SERVER, Side.CLIENT):
            self.raw(side, network + b"\0")

    def raw(self, side, plain):
        self.steps.append((side, self.ciphers[side].crypt(plain)))
        return self

    def frame(self, side, kind, body, flags=0):
        """The plain text of a message, with its header in the order that is due."""
        number = self.numbers[side]
        header = bytearray(4)
        for value, at in zip((flags, kind, *u16(len(body))), ORDERS[number % 3], strict=True):
            header[at] = value
        self.numbers[side] = number ^ ~((flags << 8 | kind) + len(body)) & 0xFFFFFFFF
        return b"K" + bytes(header) + body

    def say(self, side, kind, body=b"", flags=0):
        return self.raw(side, self.frame(side, kind, body, flags))
