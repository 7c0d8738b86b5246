"""A first policy from captures loads, and refuses nothing."""

from datetime import date
from pathlib import Path

from msgspec.structs import replace
from tests.policy.making import services

from backchannel.pipeline import Scan
from backchannel.policy.check import check
from backchannel.policy.compile import compile_policy, known
from backchannel.policy.init import policy
from backchannel.policy.load import read
from backchannel.yamlfile import YamlFile

EXAMPLES = Path(__file__).parents[2] / "examples"


def first(*paths):
    run = Scan(*paths)
    for _ in run:
        pass
    text = policy(run.document, services(), "2026-11-27")
    return text, read(YamlFile(Path("p.yaml"), text), services(), date(2026, 11, 27))


def test_what_was_seen_is_allowed_and_the_rest_told():
    text, rules = first(EXAMPLES / "aim/aim_oft.pcap", EXAMPLES / "icq/icq_v5_neticq_iserverd.pcap")
    assert [(line.action, line.name) for line in rules.lines] == [
        ("allow", "aim-as-seen"),
        ("alert", "aim-anything-else"),
        ("allow", "icq-as-seen"),
        ("alert", "icq-anything-else"),
    ]
    assert {use.capability for use in rules.lines[0].uses} >= {"file-transfer", "message", "login"}
    assert {line.mode for line in rules.lines} == {"observe"}
    assert [each for each in check(rules) if each.level != "note"] == []
    assert "capabilities: [file-transfer]" in text
    assert "AIM: 2 hosts, 6 flows, 97.3 kB; " in text


def test_a_refusal_that_is_uncommented_wins():
    """It stands before what was seen, and a chat in which files are refused goes on."""
    path = EXAMPLES / "aim/aim_oft.pcap"
    before, _ = first(path)
    text = before.replace("  # - deny:", "  - deny:").replace("  #   ", "    ")
    text = text.replace("guard: {mode: observe}\n", "")
    deny, allow, _ = read(YamlFile(Path("p.yaml"), text), services(), date(2026, 11, 27)).lines
    assert (deny.action, allow.action) == ("deny", "allow")
    assert {use.capability for use in deny.uses} == {"file-transfer"}
    assert (deny.mode, deny.refuse) == ("drop", "decline")
    assert "file-transfer" in {use.capability for use in allow.uses}


def test_strangers_from_outside_are_no_users():
    """A peer's listening port is called from everywhere; the policy is for those inside."""
    run = Scan(EXAMPLES / "aim/aim_oft.pcap")
    list(run)
    rows = tuple(
        replace(row, hosts=replace(row.hosts, clients=(*row.hosts.clients, "93.184.216.34")))
        for row in run.document.services
    )
    text = policy(replace(run.document, services=rows), services(), "2026-11-27")
    assert "aim-users: [10." in text
    assert "93.184" not in text
    rows = tuple(replace(row, hosts=replace(row.hosts, clients=("93.184.216.34",))) for row in rows)
    text = policy(replace(run.document, services=rows), services(), "2026-11-27")
    assert "aim-users: [93.184.216.34]" in text  # a capture from outside has no others


def test_captures_that_are_not_named_are_counted():
    text, _ = first(EXAMPLES / "icq", EXAMPLES / "yahoo")
    assert "ymsg" in text.splitlines()[0]
    assert text.splitlines()[0].endswith(" and 1 more capture saw.")


def test_every_example_makes_a_policy_that_loads():
    _, rules = first(EXAMPLES)
    assert {use.service for line in rules.lines for use in line.uses} >= {
        "aim", "icq", "msn", "yahoo", "kazaa", "gnutella", "ipsec", "socks", "http-proxy"
    }  # fmt: skip
    assert not any(line.action == "deny" for line in rules.lines)


def test_what_was_made_compiles_and_its_gaps_are_told():
    """The next thing that anybody does with it: a first policy that is refused is no beginning."""
    _, rules = first(EXAMPLES / "aim/aim_oft.pcap")
    made = compile_policy(rules, known()["nftables"])
    assert made.gaps
    assert {gap.line for gap in made.gaps} == {"aim-anything-else"}


def test_nothing_seen_makes_an_empty_policy():
    text, rules = first(EXAMPLES / "quic/quic_aioquic.pcap")
    assert rules.lines == ()
    assert "no service of the catalogue was seen" in text
