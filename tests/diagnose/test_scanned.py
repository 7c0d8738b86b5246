"""What a scan says of the same sessions: real strongSwan, whole and captured in one direction."""

import pytest
from tests.diagnose.altered import CAPTURES, datagrams, write
from tests.diagnose.test_missed import HEALTHY, inbound, outbound

from backchannel.pipeline import Scan

ALWAYS = {"tunnel-to-outside", "weak-proposal"}


def scanned(path):
    run = Scan(path)
    list(run)
    return run.document


def troubles(path):
    document = scanned(path)
    return {each.rule for each in document.findings} - ALWAYS


@pytest.mark.parametrize("which", ["near", "far"])
@pytest.mark.parametrize("name", HEALTHY)
def test_a_tunnel_that_is_well_is_no_finding(name, which):
    assert troubles(CAPTURES / f"{name}.{which}.pcap") == set()


@pytest.mark.parametrize("alter", [outbound, inbound], ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", sorted({*HEALTHY} - {"rekeys"}))
def test_nor_is_it_where_one_direction_was_captured(tmp_path, name, alter):
    path = write(tmp_path / "one.pcap", alter(datagrams(f"{name}.near.pcap")))
    assert troubles(path) == set()


@pytest.mark.parametrize("name", ["works", "v1-works", "double-nat", "fragments-negotiated"])
def test_esp_behind_one_direction_of_the_exchange_shows_that_it_is_up(tmp_path, name):
    path = write(tmp_path / "one.pcap", outbound(datagrams(f"{name}.near.pcap")))
    (row,) = scanned(path).associations
    assert (row.failure, row.stages["established"]) == ("", 1)
    assert row.sent.packets
    assert not row.received.packets


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("port-4500-blocked", "never-up"),
        ("v1-port-4500-blocked", "never-up"),
        ("wrong-secret", "never-up"),
        ("peer-dead", "peer-silent"),
    ],
)
def test_troubles_are_findings_in_one_direction_too(tmp_path, name, rule):
    """What comes again and again has no answer, whatever was captured."""
    assert troubles(CAPTURES / f"{name}.near.pcap") == {rule}
    if name != "wrong-secret":
        path = write(tmp_path / "one.pcap", outbound(datagrams(f"{name}.near.pcap")))
        assert troubles(path) == {rule}


def test_the_client_is_who_asked_though_the_answer_came_first(tmp_path):
    """Two queues of a capture may change the order of packets."""
    first, second, *others = datagrams("works.near.pcap")
    swapped = [
        second._replace(time=first.time),
        first._replace(time=second.time),
        *others,
    ]
    (row,) = scanned(write(tmp_path / "swapped.pcap", swapped)).associations
    assert (row.client, row.behind_nat) == ("10.1.0.2", "client")
    assert (row.sent.packets, row.received.packets) == (8, 8)


def test_a_refusal_alone_does_not_say_who_asked_whom(tmp_path):
    refused = inbound(datagrams("proposals-refused.near.pcap"))
    document = scanned(write(tmp_path / "refused.pcap", refused))
    (found,) = (each for each in document.findings if each.rule == "never-up")
    assert "between 10.2.0.2 and 10.1.0.2 was asked for" in found.summary
