"""Messages of the kernel, and what is no such message."""

import struct

import pytest

from backchannel import netlink


def message(kind, body, size=None):
    head = struct.pack("=IHHII", 16 + len(body) if size is None else size, kind, 0, 0, 0)
    return head + body + bytes(-len(body) % 4)


def test_messages_and_attributes_come_with_their_kinds():
    held = netlink.attribute(3, b"abcde") + netlink.attribute(4 | netlink.NESTED, b"")
    ((kind, body), last) = netlink.messages(message(20, held) + message(netlink.DONE, b""))
    assert (kind, list(netlink.attributes(body))) == (20, [(3, b"abcde"), (4, b"")])
    assert last == (netlink.DONE, b"")


@pytest.mark.parametrize("size", [0, 15, 21, 1 << 31])
def test_a_length_that_cannot_be_ends_the_datagram(size):
    assert not list(netlink.messages(message(20, bytes(4), size)))
    assert not list(netlink.attributes(struct.pack("=HH", size & 0xFFFF or 3, 1)))
