"""Calls of today's services: the packet that shows whose they are, or a screen, is held back."""

import socket

import pytest
from tests.enforce.guarding import guard
from tests.enforce.lab import SERVER, World, isolated
from tests.protocols.stun import test_services as calls
from tests.protocols.stun.test_session import marked, message
from tests.protocols.zoom import build as zoom

from backchannel.model import Side

C, S = Side.CLIENT, Side.SERVER
NO_SCREENS = "rules: [{deny: zoom, capabilities: [app-sharing], best-effort: true}]"
NO_TEAMS = "rules: [{deny: teams, capabilities: [voice-video], best-effort: true}]"
WEBRTC = marked(message(1, 0, (0x06, b"a:b"), (0xC057, bytes(4)), (0x24, bytes(4))))
ANSWER = message(1, 2)
ALLOCATE = message(3, 0, calls.COOKIE, (0x8008, b"\0\0\0\6"))


def arrived(world, steps, port):
    """Send datagrams of both sides one after the other; say how many came before one did not."""
    kind = socket.SOCK_DGRAM
    near = world.client.listen(4, "10.1.0.2", port, kind)
    far = world.server.listen(4, SERVER[4], port, kind)
    with near, far:
        near.connect((SERVER[4], port))
        far.connect(("10.1.0.2", port))
        ends = near, far
        for count, (side, data) in enumerate(steps):
            ends[1 - side].settimeout(0.5)
            try:
                ends[side].send(data)
                ends[1 - side].recv(65536)
            except OSError:  # refused by ICMP, or nothing came
                return count
    return len(steps)


@isolated
def test_a_screen_is_refused_and_people_are_heard():
    world = World()
    with guard(world, NO_SCREENS) as running:
        assert arrived(world, zoom.TALK, 8801) == len(zoom.TALK)
        first = next(n for n, (_, data) in enumerate(zoom.SHOWN) if b"\x1e\x01" in data[8:17])
        assert arrived(world, zoom.SHOWN, 8802) == first
        assert arrived(world, zoom.PEERS, 8803) == len(zoom.PEERS) - 1
        assert set(running.actions()) == {("reset", "zoom", "app-sharing")}


@pytest.mark.parametrize(
    ("steps", "passes"),
    [
        ([(C, calls.ice(7)), (S, ANSWER)], 0),
        ([(C, ALLOCATE), (S, calls.relay(6, kind=0x113))], 1),
        ([(C, calls.ice(3)), (S, ANSWER)], 2),
        ([(C, WEBRTC), (S, ANSWER)], 2),
    ],
)
@isolated
def test_calls_of_one_service_are_refused_and_others_pass(steps, passes):
    world = World()
    with guard(world, NO_TEAMS) as running:
        assert arrived(world, steps, 3479) == passes
        told = set(running.actions())
    assert told == (set() if passes == len(steps) else {("reset", "teams", "voice-video")})
