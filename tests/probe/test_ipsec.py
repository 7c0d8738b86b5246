"""A gateway of strongSwan in a namespace. Its configuration is the witness: it takes AES-256,
SHA-256 and MODP 2048 and nothing else.
"""

import pytest
from tests.enforce import swan
from tests.enforce.lab import CLIENT, SERVER, World, isolated
from tests.enforce.swan import Swan
from tests.probe.lab import asked

from backchannel.model import Endpoint
from backchannel.probe import ike
from backchannel.probe.hello import Asked
from backchannel.probe.order import HELLOS
from backchannel.probe.ports import Expected, Port
from backchannel.probe.result import State

IPSEC = Expected(("ipsec",), ("ike",))
BOTH = Port("udp", 500), Port("udp", 4500)


@pytest.fixture(autouse=True)
def _programs():
    swan.needed()


def answers(result, kind):
    """Return the events of one kind, with what was said before."""
    return [
        (talked.exchange.hello, seen.event)
        for talked in result.talked
        for seen in talked.verdict.events
        if type(seen.event).__name__ == kind
    ]


def chosen(result):
    return {
        (hello, f"{each.name} {each.bits}".removesuffix(" 0"))
        for hello, event in answers(result, "IkeProposals")
        if event.chosen
        for suite in event.suites
        for each in suite.algorithms
    }


@isolated
def test_what_a_gateway_accepts_on_both_ports():
    world = World()
    gateway = Swan(world.server, "right", SERVER[4], "%any", tunnels=False)
    with world.client.inside():
        prober = asked(SERVER[4], *BOTH, expected=IPSEC)
    told = gateway.told()
    gateway.close()
    assert [each.state for each in prober.hosts[0].results] == [State.OPEN, State.OPEN], told
    for result in prober.hosts[0].results:
        assert chosen(result) == {
            ("ikev2", each)
            for each in ("AES_CBC 256", "HMAC_SHA2_256", "HMAC_SHA2_256_128", "MODP_2048")
        }
        old = [event.name for hello, event in answers(result, "IkeNotify") if hello == "ikev2-old"]
        assert "NO_PROPOSAL_CHOSEN" in old
        (behind,) = {event.behind_nat for _, event in answers(result, "NatDetection")}
        assert behind == "none"
    assert told.count("parsed IKE_SA_INIT request 0") >= 4  # the marker was right, too


@isolated
def test_a_translator_on_the_way_is_noticed():
    world = World()
    home = swan.behind_nat(world)
    gateway = Swan(world.server, "right", SERVER[4], "%any", tunnels=False)
    with home.inside():
        prober = asked(SERVER[4], Port("udp", 500), expected=IPSEC)
    gateway.close()
    (result,) = prober.hosts[0].results
    assert {event.behind_nat for _, event in answers(result, "NatDetection")} == {"initiator"}
    assert CLIENT[4] != result.talked[0].exchange.client.address


@isolated
def test_aggressive_mode_is_asked_for_only_when_wished():
    world = World()
    gateway = Swan(world.server, "right", SERVER[4], "%any", aggressive=True, tunnels=False)
    with world.client.inside():
        without = asked(SERVER[4], Port("udp", 500), expected=IPSEC)
        with_it = asked(SERVER[4], Port("udp", 500), expected=IPSEC, aggressive=True)
    told = gateway.told()
    gateway.close()
    said = [
        {each.exchange.hello for each in one.hosts[0].results[0].talked}
        for one in (without, with_it)
    ]
    assert [("ikev1-aggressive" in each) for each in said] == [False, True]
    assert "parsed AGGRESSIVE request" in told
    assert with_it.hosts[0].results[0].state is State.OPEN


@isolated
def test_a_gateway_that_wants_a_cookie_back_gets_it():
    """As one does that has many associations half open: here two (RFC 7296 §2.6)."""
    world = World()
    busy = "  cookie_threshold = 1\n  block_threshold = 0"
    gateway = Swan(world.server, "right", SERVER[4], "%any", tunnels=False, settings=busy)
    with world.client.inside():
        asked(SERVER[4], BOTH[0], expected=IPSEC)
        prober = asked(SERVER[4], *BOTH, expected=IPSEC)
    told = gateway.told()
    gateway.close()
    for result in prober.hosts[0].results:
        stages = [event.stage for _, event in answers(result, "IkeStage")]
        assert "cookie-required" in stages, told
        assert ("ikev2", "MODP_2048") in chosen(result), told


def notification(kind, data):
    """Return an answer of IKEv2 with one notification (RFC 7296 §3.1, §3.10)."""
    body = b"\0\0" + (8 + len(data)).to_bytes(2, "big") + b"\0\0" + kind.to_bytes(2, "big") + data
    return b"8" * 8 + b"9" * 8 + b"\x29\x20\x22\x20\0\0\0\0\0\0\0" + bytes([28 + len(body)]) + body


@pytest.mark.parametrize(
    ("name", "proposals", "first", "group"),
    [("ikev2", ike.MODERN, 14, 19), ("ikev2-old", ike.OLD, 2, 5)],
)
def test_a_cookie_and_another_group_are_said_together(name, proposals, first, group):
    """Each alone would be refused again. What was not offered is never said."""
    (hello,) = (each for each in HELLOS if each.name == name)
    asked = Asked(Endpoint("10.0.0.1", 500), Endpoint("10.0.0.2", 4000), nonce=bytes(range(32)))
    cookie, other = notification(16390, b"c" * 24), notification(16390, b"d" * 24)
    answers = [cookie, notification(17, group.to_bytes(2, "big")), other]
    said = [hello.reply(asked, answers[: number + 1]) for number in range(hello.rounds)]
    assert said == [
        ike.init(asked, proposals, first, b"c" * 24),
        ike.init(asked, proposals, group, b"c" * 24),
        ike.init(asked, proposals, group, b"d" * 24),
    ]
    assert [(each[16], each[28:60]) for each in said] == [
        (41, b"\x21\0\0\x20\0\0\x40\x06" + mark * 24) for mark in (b"c", b"c", b"d")
    ]
    endless = cookie[:28] + b"\x29\0\0\0" + cookie[32:]
    for wrong in (b"", bytes(28), notification(17, b"\0\x63"), notification(14, b""), endless):
        assert hello.reply(asked, [wrong]) == b""
