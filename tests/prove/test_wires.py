"""Bytes between two ends: that they arrive, that nobody changed them, and why they do not."""

import asyncio
import errno
import socket
import struct
import time

import pytest

from backchannel.prove import wires
from backchannel.prove.wires import Arrived, StoppedError, TcpWire, UdpWire

PATIENCE = 0.2


def pair():
    """Two ends of a TCP connection over loopback, neither of which blocks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    one.setblocking(False)
    other.setblocking(False)
    return one, other


def carried(wire, data, side=0, cut="whole"):
    arrived = Arrived()
    try:
        asyncio.run(wire.carry(side, data, cut, arrived))
    except StoppedError as stop:
        return stop.how, arrived.octets
    else:
        return None, arrived.octets
    finally:
        wire.close()


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("cut", ["whole", "bytes", "disorder"])
@pytest.mark.parametrize("size", [1, 2, 3000, 2_000_000])
def test_what_is_sent_arrives(size, cut, side):
    if cut == "bytes" and size > 5000:
        cut = "whole"
    assert (
        carried(TcpWire(*pair(), 3.0), bytes(range(250)) * (size // 250 + 1), side, cut)[0] is None
    )


def test_segments_are_counted_where_they_arrive():
    wire, arrived = TcpWire(*pair(), 3.0), Arrived()
    asyncio.run(wire.carry(0, b"x" * 100, "bytes", arrived))
    wire.close()
    assert (arrived.octets, arrived.packets) == (100, 100)


def between(change):
    """A wire with somebody between its ends."""
    near, left = pair()
    right, far = pair()
    left.setblocking(True)

    def relay():
        right.sendall(change(left.recv(100)))

    return TcpWire(near, far, PATIENCE), relay, (left, right)


@pytest.mark.parametrize("more", [b"", b" and more", b"x" * 10_000_000])
@pytest.mark.parametrize(("passes", "how"), [(4, "reset"), (12, None)])
def test_what_came_before_a_reset_counts_though_the_sender_learns_of_it_first(more, passes, how):
    near, left = pair()
    right, far = pair()
    wire, arrived = TcpWire(near, far, 3.0), Arrived()

    async def both():
        task = asyncio.create_task(wire.carry(0, b"send a file!", "whole", arrived, [more]))
        await asyncio.sleep(0.02)
        right.sendall(left.recv(passes))
        left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left.close()
        time.sleep(0.02)
        try:
            await task
        except StoppedError as stop:
            return stop.how
        return None

    assert (asyncio.run(both()), arrived.octets) == (how, passes)
    wire.close()
    right.close()


@pytest.mark.parametrize(
    ("change", "how", "octets"),
    [
        (lambda data: data.replace(b"file", b"xxxx"), "altered", 0),
        (lambda data: data[:4], "silence", 4),
        (lambda data: data, None, 12),
    ],
)
def test_what_happens_on_the_way_is_noticed(change, how, octets):
    wire, relay, middle = between(change)

    async def both():
        arrived = Arrived()
        task = asyncio.create_task(wire.carry(0, b"send a file!", "whole", arrived))
        await asyncio.sleep(0.02)
        relay()
        try:
            await task
        except StoppedError as stop:
            return stop.how, arrived.octets
        return None, arrived.octets

    assert asyncio.run(both()) == (how, octets)
    wire.close()
    for each in middle:
        each.close()


def test_a_sender_goes_on_when_there_is_room_again_though_nothing_has_arrived():
    """As behind a guard that holds a message until it is whole, and tells its sender so."""
    near, left = pair()
    right, far = pair()
    data = bytes(range(250)) * 40_000
    wire, arrived = TcpWire(near, far, PATIENCE), Arrived()

    async def held_until_whole():
        loop, got = asyncio.get_running_loop(), b""
        while len(got) < len(data):
            got += await loop.sock_recv(left, 1 << 20)
        await loop.sock_sendall(right, got)

    async def both():
        async with asyncio.TaskGroup() as group:
            group.create_task(held_until_whole())
            group.create_task(wire.carry(0, data, "whole", arrived))

    asyncio.run(both())
    assert arrived.octets == len(data)
    wire.close()
    left.close()
    right.close()


@pytest.mark.parametrize("cut", ["whole", "bytes", "disorder"])
def test_what_the_same_end_sends_next_does_not_wait_for_what_comes_before(cut):
    """Two steps of one message: nothing of it arrives before all of it was sent."""
    near, left = pair()
    right, far = pair()
    parts = b"a" * 300, b"b" * 300
    wire, told = TcpWire(near, far, 3.0), [Arrived(), Arrived()]

    async def held_until_whole():
        loop, got = asyncio.get_running_loop(), b""
        while len(got) < 600:
            got += await loop.sock_recv(left, 1000)
        await loop.sock_sendall(right, got)

    async def steps():
        await wire.carry(0, parts[0], cut, told[0], parts[1:])
        await wire.carry(0, parts[1], cut, told[1])

    async def both():
        async with asyncio.TaskGroup() as group:
            group.create_task(held_until_whole())
            group.create_task(steps())

    asyncio.run(both())
    assert [each.octets for each in told] == [300, 300]
    wire.close()
    left.close()
    right.close()


def test_a_reset_is_noticed_at_once():
    near, left = pair()
    right, far = pair()
    wire = TcpWire(near, far, 30.0)
    left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    left.close()
    assert carried(wire, b"hello")[0] == "reset"
    right.close()


def test_patience_counts_ticks_and_not_the_clock():
    """A loop that is held up for longer than the patience does not end it."""
    near, left = pair()
    right, far = pair()
    wire, arrived = TcpWire(near, far, 0.3), Arrived()

    async def held_up():
        task = asyncio.create_task(wire.carry(0, b"late", "whole", arrived))
        await asyncio.sleep(0)
        time.sleep(0.6)
        await asyncio.sleep(0.01)
        right.sendall(b"late")
        await task

    asyncio.run(held_up())
    assert arrived.octets == 4
    wire.close()
    left.close()
    right.close()


def datagrams():
    waiter = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    waiter.bind(("127.0.0.1", 0))
    opener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opener.connect(waiter.getsockname())
    for each in (opener, waiter):
        each.setblocking(False)
    return opener, waiter


def test_datagrams_go_both_ways_and_answers_follow_a_move():
    opener, waiter = datagrams()
    wire = UdpWire(opener, waiter, PATIENCE)

    async def talk():
        got = []
        for side in (0, 1):
            arrived = Arrived()
            await wire.carry(side, b"hello", "whole", arrived)
            got.append((arrived.octets, arrived.packets))
        moved = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        moved.setblocking(False)
        moved.connect(waiter.getsockname())
        wire.move(moved)
        for side in (0, 1):
            await wire.carry(side, b"again", "whole", Arrived())
        return got

    assert asyncio.run(talk()) == [(5, 1), (5, 1)]
    wire.close()


def test_a_server_that_was_never_spoken_to_cannot_answer():
    assert carried(UdpWire(*datagrams(), PATIENCE), b"x", side=1) == ("silence", 0)


def test_nobody_there_is_refused():
    opener, waiter = datagrams()
    waiter.close()
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.setblocking(False)
    assert carried(UdpWire(opener, other, 1.0), b"x")[0] == "refused"


@pytest.mark.parametrize(
    ("number", "how"),
    [("ECONNREFUSED", "refused"), ("EACCES", "unreachable"), ("EIO", "unreachable")],
)
def test_errors_have_words(number, how):
    assert wires.stopped(OSError(getattr(errno, number), "x")).how == how
