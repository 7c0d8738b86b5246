"""Real sessions of strongSwan through a router whose rules are the cause: `captures/manifest.yaml`.

What the doctor says is held against the cause, from one side and from both.
"""

from functools import cache
from pathlib import Path

import pytest
import yaml
from tests.diagnose.record import SCENARIOS

from backchannel.diagnose.doctor import diagnose
from backchannel.diagnose.reading import read

CAPTURES = Path(__file__).parent / "captures"
MANIFEST = yaml.safe_load((CAPTURES / "manifest.yaml").read_text())
FINE = ()
SAID: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "works": (FINE, FINE),
    "no-answer-500": (("certain no-answer",), ("likely no-answer",)),
    "answers-500-dropped": (("certain no-answer",), ("certain answers-lost",)),
    "nobody-listens": (("likely nobody-listens",), ("likely nobody-listens",)),
    "filtered-500": (("certain refused-by-filter",), ("certain refused-by-filter",)),
    "port-4500-blocked": (("likely blocked-4500",), ("certain blocked-4500",)),
    "answers-4500-dropped": (("likely blocked-4500",), ("certain answers-lost",)),
    "esp-dropped": (("likely esp-one-way",), ("certain esp-dropped",)),
    "esp-one-way": (("likely esp-one-way",), ("certain esp-dropped",)),
    "esp-lossy": (FINE, ("certain esp-lost",)),
    "fragments-lost": (("likely fragments-lost",), ("certain fragments-lost",)),
    "fragments-negotiated": (FINE, FINE),
    "certificate-expired": (
        ("likely authentication-refused",),
        ("likely authentication-refused",),
    ),
    "ike-fragments-lost": (("likely ike-fragments-lost",), ("certain ike-fragments-lost",)),
    "mapping-lost": (
        ("possible esp-ceased",),
        ("certain did-not-follow", "certain mapping-changed"),
    ),
    "keepalives-help": (FINE, FINE),
    "proposals-refused": (("likely proposals-refused",), ("likely proposals-refused",)),
    "esp-proposals-refused": (("likely no-child",), ("likely no-child",)),
    "wrong-secret": (("likely authentication-refused",), ("likely authentication-refused",)),
    "wrong-identity": (("likely authentication-refused",), ("likely authentication-refused",)),
    "selectors-refused": (("likely no-child",), ("likely no-child",)),
    "peer-dead": (("likely peer-dead",), ("certain arrived-unanswered",)),
    "restarted": (("likely peer-dead",), ("certain arrived-unanswered",)),
    "rekey-lost": (FINE, ("certain state-timed-out",)),
    "moved": (("likely moved",), ("likely moved",)),
    "no-mobike": (FINE, FINE),
    "shared-mapping": (("certain shared-mapping",), ("certain shared-mapping",)),
    "cookies": (
        ("certain half-open-flood", "certain cookies", "possible no-child"),
        ("certain half-open-flood", "certain cookies", "possible no-child"),
    ),
    "lifetimes": (FINE, FINE),
    "v1-wrong-secret": (("likely authentication-refused",), ("likely authentication-refused",)),
    "v1-port-4500-blocked": (("likely blocked-4500",), ("certain blocked-4500",)),
    "v1-proposals-refused": (("likely proposals-refused",), ("likely proposals-refused",)),
    "v1-selectors-refused": (("likely no-child",), ("likely no-child",)),
    "no-nat": (("possible no-child",), ("possible no-child",)),
    "v1-works": (FINE, FINE),
    "v1-aggressive": (("certain nat-unknown",), ("certain nat-unknown",)),
    "rekeys": (FINE, FINE),
    "v1-rekeys": (FINE, FINE),
    "liveness": (FINE, FINE),
    "terminated": (FINE, FINE),
    "v1-terminated": (FINE, FINE),
    "double-nat": (FINE, FINE),
    "forwarded": (FINE, FINE),
    "forwarded-500-only": (("certain refused-by-filter",), ("certain refused-by-filter",)),
    "two-clients": (FINE, FINE),
    "same-identity": (("likely replaced",), ("likely replaced",)),
    "too-large": (FINE, ("certain esp-too-large",)),
    "answer-fragments-lost": (("likely blocked-4500",), ("certain fragments-lost",)),
    "esp-stops": (("possible esp-ceased",), ("certain esp-dropped",)),
    "unrouted": (("likely esp-one-way",), ("certain esp-unanswered",)),
    "v1-peer-dead": (("likely peer-dead",), ("likely peer-dead",)),
}
"""Scenario -> what the near capture alone says, and what both say."""
every = pytest.mark.parametrize("name", sorted(SCENARIOS))


@cache
def side(name: str, which: str):
    return read([str(CAPTURES / f"{name}.{which}.pcap")])


def said(told):
    return tuple(
        f"{each.certainty} {each.id}" for gateways in told.gateways for each in gateways.conclusions
    )


def test_each_scenario_was_recorded_and_is_held_against_its_cause():
    assert set(MANIFEST) == set(SCENARIOS) == set(SAID)
    for name, entry in MANIFEST.items():
        assert entry["cause"] == " ".join(SCENARIOS[name][0].__doc__.split())


@every
def test_the_near_side_alone(name):
    assert said(diagnose(side(name, "near"))) == SAID[name][0]


@every
def test_both_sides(name):
    assert said(diagnose(side(name, "near"), side(name, "far"))) == SAID[name][1]


@every
def test_frames_that_are_named_are_frames_of_their_side(name):
    told = diagnose(side(name, "near"), side(name, "far"))
    packets = {"near": told.near[0].packets, "far": told.far[0].packets}
    named = [
        (each.of, frame)
        for gateways in told.gateways
        for conclusion in gateways.conclusions
        for each in conclusion.because
        for frame in each.frames
    ]
    assert all(1 <= frame <= packets[of] for of, frame in named)
    assert bool(named) == any(gateways.conclusions for gateways in told.gateways)


def one(name):
    return diagnose(side(name, "near"), side(name, "far")).gateways[0]


def lost(name):
    return [(each.what, each.sender, each.sent, each.arrived) for each in one(name).between.lost]


def test_what_is_lost_is_said_with_its_sender():
    """The rules of the manifest, from what left and what arrived."""
    assert lost("port-4500-blocked") == [("IKE_AUTH to UDP 4500", "10.1.0.2", 6, 0)]
    assert lost("answers-4500-dropped") == [("IKE_AUTH answers from UDP 4500", "10.2.0.2", 6, 0)]
    assert lost("esp-dropped") == [("ESP in UDP", "10.1.0.2", 4, 0)]
    assert lost("esp-one-way") == [("ESP in UDP", "10.2.0.2", 6, 0)]
    assert lost("fragments-lost") == [("IKE_AUTH to UDP 4500", "10.1.0.2", 6, 0)]
    assert lost("works") == []


@pytest.mark.parametrize("name", [n for n, entry in MANIFEST.items() if entry["dropped"]])
def test_as_many_are_lost_as_the_router_dropped(name):
    """By the router's own counters: what the doctor counts, IP's fragments apart."""
    if "frag-off" in str(MANIFEST[name]["router"]):
        return
    assert sum(sent - arrived for _, _, sent, arrived in lost(name)) == MANIFEST[name]["dropped"]


def test_the_mapping_is_bracketed_by_the_silences():
    """The router forgets after three seconds: `nf_conntrack_udp_timeout_stream=3`."""
    between = one("mapping-lost").between
    assert between.mapping_lost_s is not None
    assert 3 <= between.mapping_lost_s <= 6.5
    ports = {each.far for each in between.translations if each.near == "10.1.0.2:4500"}
    assert len(ports) == 2
    assert one("keepalives-help").between.mapping_lost_s is None


def test_both_captures_are_of_one_machine_whose_clocks_agree():
    """r1 and r2 are interfaces of one router: the difference is none, and the way is short."""
    for name in SCENARIOS:
        between = one(name).between
        if between.clock_certain:
            assert abs(between.clock_offset_ms) < 1, name
            assert 0 <= between.delay_ms < 1, name
            assert (between.near_end, between.far_end)[1] == "10.2.0.2", name


def test_who_did_not_offer_to_cut_messages_is_said():
    """Both ends were told `fragmentation = no`."""
    (found,) = diagnose(side("fragments-lost", "near")).gateways[0].conclusions
    assert any(
        each.text.startswith("10.1.0.2 and 10.2.0.2 did not offer to cut") for each in found.because
    )
