"""The guard on a router in namespaces: real sockets, recorded conversations, a real kernel."""

from pathlib import Path

import pytest

from tests.enforce.guarding import guard, services
from tests.enforce.lab import World, isolated, play
from tests.kit import flows

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module", autouse=True)
def _catalogue():
    services()


def conversation(name, port=0, index=0):
    """The steps of a TCP flow of an example."""
    found = [
        flow
        for flow in flows(EXAMPLES / name)
        if flow.start.transport == "tcp" and port in (0, flow.start.server.port)
    ]
    return found[index].steps


AIM = conversation("aim/aim_md5login_8im.pcap", 5190)
HTTP = [(0, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"), (1, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000)]


@pytest.mark.parametrize("version", [4, 6])
@isolated
def test_a_service_is_refused_on_any_port_and_all_else_passes(version):
    world = World()
    with guard(world, "rules: [{deny: aim}]") as running:
        refused = play(world, AIM, 443, version=version)
        passed = play(world, HTTP, 80, version=version)
    assert refused.failed
    assert len(refused.received[0]) < 60
    assert not passed.failed
    assert ("reset", "aim", "") in running.actions()
