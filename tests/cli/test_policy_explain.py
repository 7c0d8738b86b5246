"""`backchannel policy explain`: which rule decides, in the policy and in every text."""

import json

import pytest
from tests.cli.test_policy import OFFICE, ROOT, run

AIM_IMAGE = "tcp 10.1.2.3:41000 -> 64.12.1.1:4443"


def asked(*words):
    return json.loads(run("explain", OFFICE, *words, "--on", "2026-11-27", "--json").stdout)


def test_the_deciding_rule_is_named_on_every_firewall():
    (answers,) = asked("--flow", AIM_IMAGE).values()
    by = {each["who"]: each for each in answers}
    assert by["policy"]["by"] == "no-other-messengers: deny, if it is aim image"
    for name in ("nftables", "iptables", "cisco-ios", "junos"):
        assert by[name]["said"] == "refused", by[name]
        assert by[name]["label"].startswith("no-other-messengers office.yaml:")
        assert by[name]["line"] > 0
    assert by["guard"]["said"] == "by content or name"
    assert "no-other-messengers (deny aim" in by["guard"]["by"]


def test_what_only_content_can_tell_differs_and_says_so():
    (answers,) = asked("--flow", "tcp 10.1.2.3 -> 64.12.1.1:5190", "--to", "nftables").values()
    policy, nftables = answers
    assert policy["said"] == "refused"
    assert policy["by"] == "no-files: deny, if it is aim file-transfer"
    assert nftables["said"] == "passes"
    assert nftables["label"].startswith("icq-messages ")
    assert nftables["why"].startswith("aim file-transfer: ")
    assert "cannot tell them apart" in nftables["why"]


def test_a_default_is_nobodys_line():
    for flow in ("tcp 10.1.2.3 -> 192.0.2.1:7777", "tcp 192.0.2.9 -> 192.0.2.1:7777"):
        (answers,) = asked("--flow", flow, "--to", "cisco-ios").values()
        assert [each["said"] for each in answers] == ["passes", "passes"]
        assert answers[1]["label"] == "default: allow"
        assert not answers[1]["why"]


def test_flows_of_a_capture_are_asked_about():
    answers = asked(ROOT / "examples/aim/aim_odc.pcap", "--to", "nftables")
    assert "tcp 10.61.0.12 -> 10.61.0.11:5190" in answers


def test_management_is_never_cut_off():
    (answers,) = asked("--flow", "tcp 10.9.9.2:5000 -> 192.0.2.1:22", "--to", "nftables").values()
    assert [each["said"] for each in answers] == ["passes", "passes"]
    assert answers[0]["by"] == "management: tcp/22"


def test_ipv6_addresses_stand_in_brackets():
    assert "tcp [2001:db8:10::1] -> [2001:db8::5]:5190" in asked(
        "--flow", "tcp [2001:db8:10::1] -> [2001:db8::5]:5190", "--to", "iptables"
    )


@pytest.mark.parametrize(
    "flow",
    ["", "tcp 1.2.3.4:5", "sctp 1.2.3.4 -> 1.2.3.5:1", "tcp 1.2.3.4 -> [::1]:1",
     "tcp 1.2.3.400 -> 1.2.3.4:1", "tcp 1.2.3.4 -> 1.2.3.5:70000"],
)  # fmt: skip
def test_what_is_no_flow_says_how_one_looks(flow):
    assert (
        "is not like  tcp 10.1.2.3:41000" in run("explain", OFFICE, "--flow", flow, code=2).stderr
    )


def test_without_a_flow_it_asks_for_one():
    assert "name a flow" in run("explain", OFFICE, code=2).stderr


def test_on_a_terminal_it_reads_as_a_table():
    ran = run("explain", OFFICE, "--flow", AIM_IMAGE, "--to", "nftables")
    assert ran.stdout.startswith(AIM_IMAGE)
    assert "refused" in ran.stdout
