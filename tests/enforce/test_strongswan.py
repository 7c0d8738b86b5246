"""strongSwan behind a guard: what a policy says of tunnels holds for real ones, on any port."""

import time
from contextlib import contextmanager

import pytest
from tests.enforce import swan
from tests.enforce.guarding import guard, services
from tests.enforce.lab import CLIENT, PATIENCE, SERVER, World, isolated
from tests.enforce.swan import HOME, ODD, USUAL, Swan

DENY = "rules: [{deny: ipsec}]"
CLOSED = "rules: [{deny: ipsec, on-failure: closed}]"
ONLY = "default: deny\nrules: [{allow: ipsec}]"
OTHERS = "rules: [{deny: [aim, icq, msn, yahoo, kazaa, gnutella, socks, http-proxy]}]"
OPENVPN = [f"{first:02x}" for first in range(0x48, 0x50)]
places = pytest.mark.parametrize(
    ("where", "ports"),
    [("before", (USUAL, USUAL)), ("before", ODD), ("at", (USUAL, USUAL))],
    ids=["usual", "odd", "router"],
)


@pytest.fixture(scope="module", autouse=True)
def _needed():
    swan.needed()
    services()


@contextmanager
def ends(world, where, ports=(USUAL, USUAL)):
    """Two ends, the client's behind a translator that is *where*: `before` the guard, `at` it."""
    near, here = world.client, CLIENT[4]
    if where == "before":
        near, here = swan.behind_nat(world), HOME
    elif where == "at":
        swan.translate(world.router, "r2")
    left = Swan(near, "left", here, SERVER[4], ports=ports[0])
    right = Swan(world.server, "right", SERVER[4], "%any", ports=ports[1])
    try:
        yield left, right
    finally:
        left.close()
        right.close()


@places
@isolated
def test_no_tunnel_is_negotiated_where_tunnels_are_denied(where, ports):
    world = World()
    with ends(world, where, ports) as (left, right), guard(world, DENY) as running:
        before = time.monotonic()
        assert not left.initiate()
        assert time.monotonic() - before < PATIENCE
        assert set(running.told()) == {("reset", "ipsec", "")}
        assert "establishing IKE_SA failed, peer not responding" in left.told()
        assert "received packet" not in right.told()


@pytest.mark.parametrize("policy", [ONLY, OTHERS], ids=["only", "others"])
@places
@isolated
def test_a_tunnel_that_is_allowed_stands_and_carries(where, ports, policy):
    world = World()
    with ends(world, where, ports) as (left, _), guard(world, policy) as running:
        assert left.initiate(), left.told()
        assert left.ping(20) == 20
        assert running.status()["packets"] < 30  # the kernel passes the others: it was decided
    assert running.actions() == []


@pytest.mark.parametrize("policy", [DENY, CLOSED], ids=["open", "closed"])
@pytest.mark.parametrize(("ports", "most"), [((USUAL, USUAL), 3), (ODD, 8)], ids=["usual", "odd"])
@isolated
def test_a_tunnel_that_stood_before_is_cut(ports, most, policy):
    """ESP has no beginning: so many packets of a side show it by their numbers, and pass."""
    world = World()
    with ends(world, "before", ports) as (left, _):
        assert _stands(left), left.told()
        assert left.ping(3) == 3
        with guard(world, policy) as running:
            assert left.ping(most + 4, patience=0.5) <= most
            assert {action[:2] for action in running.told()} == {("reset", "ipsec")}
            assert left.ping(2, patience=0.5) == 0
            assert not left.initiate()


def _stands(end):
    """Open a tunnel; again where both its numbers begin as OpenVPN's packets do, which needs more
    packets than a test has patience for.
    """
    while end.initiate():
        numbers = swan.SPIS.findall(end.told())[-1]
        if not all(number[:2] in OPENVPN for number in numbers):
            return True
        end.control("--terminate", "--ike", "lab")
    return False
