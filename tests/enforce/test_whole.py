"""A service that is refused as a whole is refused whatever decodes it: none of the conversations
that the scan's tests hold comes to its end.
"""

from functools import cache

from tests import test_anywhere as anywhere
from tests.enforce.guarding import guard, services
from tests.enforce.lab import World, isolated, play
from tests.enforce.test_guard import OTHER_PORT

CONVERSATIONS = [*anywhere.CONVERSATIONS, *anywhere.HANDMADE]


@cache
def policy():
    """Refuse everything that the catalogue knows and the guard enforces, at least in part."""
    names = sorted(name for name, each in services().items() if each.protocols)
    return f"rules: [{{deny: [{', '.join(names)}], best-effort: true}}]"


@isolated
def test_nothing_of_a_refused_service_comes_to_its_end():
    world = World()
    passed = []
    with guard(world, policy()) as running:
        for port, protocol in enumerate(CONVERSATIONS, OTHER_PORT):
            if not play(world, anywhere.conversation(protocol), port).failed:
                passed.append(protocol)
        done = {action for action, _, _ in running.actions()}
    assert passed == []
    assert done <= {"reset", "dropped"}


@isolated
def test_what_is_proved_and_done_with_at_once_passes_where_it_is_allowed():
    """WhatsApp's session has seen enough with the packet that proves it."""
    world = World()
    with guard(world, "default: deny\nrules: [{allow: whatsapp}]") as running:
        told = play(world, anywhere.conversation("whatsapp"), OTHER_PORT)
        assert not told.failed, running.actions()
