"""What was overwritten stays so, however it is sent again."""

import re
import socket

from hypothesis import given
from hypothesis import strategies as st
from tests.enforce.guarding import guard, until
from tests.enforce.lab import PATIENCE, SERVER, World, isolated
from tests.enforce.test_guard import AIM_OFFERS, NO_FILES, OTHER_PORT

from backchannel.enforce.patches import EACH, REACH, SIDES, Patches

SIDE = 1, 2, 0
STREAM = bytes(range(1, 201))
ICBM = b"\x00\x04"  # the family of SNACs that hold messages
SEND_FILE = b"\x09\x46\x13\x43\x4c\x7f\x11\xd1"


@given(
    st.integers(0, 0xFFFFFFFF),
    st.lists(st.tuples(st.integers(0, 190), st.integers(1, 20)), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 200)), max_size=20),
)
def test_any_cut_of_a_stream_is_that_of_the_overwritten_stream(start, patches, cuts):
    """Also where sequence numbers go round."""
    made, wanted, touched = Patches(), bytearray(STREAM), set()
    for at, most in patches:
        size = min(most, len(STREAM) - at)
        wanted[at : at + size] = bytes(size)
        touched |= set(range(at, at + size))
        made.note(SIDE, start + at & 0xFFFFFFFF, bytes(size))
    for at, size in cuts:
        told = made.over(SIDE, start + at & 0xFFFFFFFF, STREAM[at : at + size])
        assert (told is None) == touched.isdisjoint(range(at, min(at + size, len(STREAM))))
        assert told in (None, wanted[at : at + size])
    assert made.over((1, 2, 1), start, STREAM) is None


def test_memory_is_bounded_and_old_stretches_are_forgotten():
    made = Patches()
    for number in range(SIDES + 9):
        made.note((number, 0, 0), 0, b"x")
    assert made.over((8, 0, 0), 0, b"y") is None
    assert made.over((9, 0, 0), 0, b"y") == b"x"
    for number in range(EACH + 1):
        made.note(SIDE, 10 * number, b"x")
    assert made.over(SIDE, 0, b"y") is None
    assert made.over(SIDE, 10, b"y") == b"x"
    assert made.over(SIDE, 10 * EACH + REACH + 1, b"y") is None
    assert made.over(SIDE, 10 * EACH, b"y") is None  # long behind: what comes there is another byte


@isolated
def test_an_offer_that_is_sent_again_together_with_what_follows_it():
    """What was overwritten is lost behind the guard with the message after it; the kernel of the
    sender puts both into one segment when it sends them again.
    """
    world = World()
    answer = next(
        at
        for at, (side, data) in enumerate(AIM_OFFERS)
        if side == 0 and data[6:8] == ICBM and SEND_FILE in data
    )
    offer = answer - 1
    side = AIM_OFFERS[offer][0]
    far_net, far = (world.server, "s0") if side == 0 else (world.client, "c0")
    harmless = b"\x2a\x05\x00\x01\x00\x00"  # FLAP, keep-alive
    with guard(world, NO_FILES.replace("]}]", "], refuse: decline}]")) as running:
        with world.server.listen(4, SERVER[4], OTHER_PORT) as listener:
            near = world.client.connect(SERVER[4], OTHER_PORT)
            ends = near, listener.accept()[0]
            for each, data in AIM_OFFERS[:offer]:
                ends[each].sendall(data)
                _receive(ends[1 - each], len(data))
            sender, receiver = ends[side], ends[1 - side]
            far_net.sh(
                "nft add table netdev lose",
                f"nft 'add chain netdev lose in {{ type filter hook ingress device {far} "
                "priority 0; }'",
                f"nft add rule netdev lose in tcp sport {sender.getsockname()[1]} counter drop",
            )
            data = AIM_OFFERS[offer][1]
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sender.sendall(data)
            sender.sendall(harmless)
            assert until(lambda: lost(far_net) >= 2)  # both have passed the guard
            far_net.sh("nft delete table netdev lose")
            came = _receive(receiver, len(data) + len(harmless))
        counters = running.status()["counters"]
    assert ("declined", "aim", "file-transfer") in running.actions()
    assert counters["offers overwritten again"] >= 1
    assert came.endswith(harmless)
    assert SEND_FILE in data
    assert SEND_FILE not in came


def lost(net):
    """Packets that were lost on purpose."""
    return int(re.search(r"counter packets (\d+)", net.sh("nft list table netdev lose"))[1])


def _receive(end, size):
    end.settimeout(PATIENCE)
    came = b""
    while len(came) < size:
        piece = end.recv(size - len(came))
        assert piece, came
        came += piece
    return came
