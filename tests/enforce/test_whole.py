"""A service that is refused as a whole is refused whatever decodes it: none of the conversations
that the scan's tests hold comes to its end.
"""

import socket
from functools import cache

import pytest
from tests import test_anywhere as anywhere
from tests.enforce.guarding import guard, services
from tests.enforce.lab import SERVER, World, isolated, play
from tests.enforce.test_guard import OTHER_PORT

from backchannel.model import Side
from backchannel.protocols import load

ENOUGH = 6_000
CONVERSATIONS = [*anywhere.CONVERSATIONS, *anywhere.HANDMADE]


@cache
def policy():
    """Refuse everything that the catalogue knows and the guard enforces, at least in part."""
    names = sorted(name for name, each in services().items() if each.protocols)
    return f"rules: [{{deny: [{', '.join(names)}], best-effort: true}}]"


@pytest.mark.parametrize("size", [0, 1])
@isolated
def test_nothing_of_a_refused_service_comes_to_its_end(size):
    """*size*: bytes of a segment, 0 for as many as go."""
    world = World()
    passed = []
    with guard(world, policy()) as running:
        for port, protocol in enumerate(CONVERSATIONS, OTHER_PORT):
            if not play(world, opening(protocol), port, size=size).failed:
                passed.append(protocol)
        done = {action for action, _, _ in running.actions()}
    assert passed == []
    assert done <= {"reset", "dropped"}


def opening(protocol):
    """The first steps of a conversation, of about ENOUGH bytes."""
    steps, size = [], 0
    for side, data in anywhere.conversation(protocol):
        steps.append((side, data))
        size += len(data) if isinstance(data, bytes) else 0
        if size > ENOUGH:
            break
    return steps


@pytest.mark.parametrize("before", [0, 1])
@isolated
def test_no_datagrams_of_a_refused_service_go_on(before):
    """*before*: datagrams ahead of them that fit a magic and are nobody's."""
    world, nobodys = World(), [(Side.CLIENT, anywhere.NOBODYS)] * before
    passed = []
    with guard(world, policy()) as running:
        for port, (protocol, steps) in enumerate(anywhere.DATAGRAMS.items(), OTHER_PORT):
            known = load()[protocol].service in services()  # calls of nobody's are not refused
            if known and exchanged(world, nobodys + steps, port):
                passed.append(protocol)
        done = {action for action, _, _ in running.actions()}
    assert passed == []
    assert done <= {"reset", "dropped"}


def exchanged(world, steps, port):
    """Send datagrams of both sides one after the other; say whether all arrived."""
    kind = socket.SOCK_DGRAM
    near = world.client.listen(4, "10.1.0.2", port, kind)
    far = world.server.listen(4, SERVER[4], port, kind)
    with near, far:
        near.connect((SERVER[4], port))
        far.connect(("10.1.0.2", port))
        ends = near, far
        for side, data in steps:
            ends[1 - side].settimeout(0.5)
            try:
                ends[side].send(data)
                ends[1 - side].recv(65536)
            except OSError:  # refused by ICMP, or nothing came
                return False
    return True


@isolated
def test_what_is_proved_and_done_with_at_once_passes_where_it_is_allowed():
    """WhatsApp's session has seen enough with the packet that proves it."""
    world = World()
    with guard(world, "default: deny\nrules: [{allow: whatsapp}]") as running:
        told = play(world, anywhere.conversation("whatsapp"), OTHER_PORT)
        assert not told.failed, running.actions()
