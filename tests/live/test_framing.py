"""Messages to somebody who is busy wait, in order, and nobody waits for him; the first one may not
come alone.
"""

import socket

import pytest

from backchannel.live.framing import HEAD, Broken, Inbox, Outbox, first, framed

BODIES = [bytes([number]) * (number * 997) for number in range(1, 120)]


def whole(inbox, theirs, outbox):
    """Read until nothing waits on either side."""
    theirs.settimeout(0.2)
    while True:
        outbox.push()
        try:
            yield from inbox.feed(theirs.recv(50_000))
        except TimeoutError:
            return


def test_what_does_not_go_now_goes_later_and_in_order():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outbox = Outbox(ours)
        for body in BODIES:
            outbox.put(framed(body))
            outbox.push()  # which never waits: nobody reads yet
        assert outbox.size > 1_000_000
        assert list(whole(Inbox(bytes), theirs, outbox)) == BODIES
        assert outbox.size == 0


def test_waiting_ends_at_its_time_and_what_is_forgotten_is_not_sent():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outbox = Outbox(ours)
        outbox.wait(5)  # for nothing
        outbox.put(bytes(4 << 20))
        outbox.push()
        before = outbox.size
        outbox.wait(0.05)
        assert outbox.size == before > 0
        outbox.clear()
        outbox.put(b"")
        outbox.push()
        assert outbox.size == 0


def test_nobody_listens():
    ours, theirs = socket.socketpair()
    theirs.close()
    outbox = Outbox(ours)
    outbox.put(b"x")
    with ours, pytest.raises(BrokenPipeError):
        outbox.push()


def test_a_length_beyond_all_measure_ends_the_connection():
    with pytest.raises(Broken, match="bytes"):
        list(Inbox(bytes).feed(HEAD.pack(1 << 31)))


def test_what_comes_with_the_first_message_waits_behind_it():
    inbox, parts = Inbox(bytes), [framed(b"one")[:3], framed(b"one")[3:] + framed(b"two")]
    assert first(lambda _: parts.pop(0), inbox) == b"one"
    assert list(inbox.feed(b"")) == [b"two"]


def test_nobody_says_anything():
    parts = [framed(b"one")[:-1], b""]
    with pytest.raises(EOFError):
        first(lambda _: parts.pop(0), Inbox(bytes))
